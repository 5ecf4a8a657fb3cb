package mountcmd

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseMountAcceptsKubeletsCommandLines(t *testing.T) {
	for _, c := range []struct {
		args string
		want request
	}{
		{"-t tmpfs -o size=64k tmpfs /a", request{"tmpfs", "/a", "tmpfs", Options{Data: "size=64k"}}},
		{"-t tmpfs -o ro,nosuid,size=1m,mode=0700 tmpfs /a", request{"tmpfs", "/a", "tmpfs", Options{Flags: unix.MS_RDONLY | unix.MS_NOSUID, Data: "size=1m,mode=0700"}}},
		{"-o bind /a /b", request{"/a", "/b", "", Options{Flags: unix.MS_BIND}}},
		{"-o bind,remount,ro,noexec /a /b", request{"/a", "/b", "", Options{Flags: unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOEXEC}}},
		{"--no-canonicalize -o bind /proc/9/fd/5 /b", request{"/proc/9/fd/5", "/b", "", Options{Flags: unix.MS_BIND}}},
		{"--bind /a /a", request{"/a", "/a", "", Options{Flags: unix.MS_BIND}}},
		{"--make-rshared /a", request{"", "/a", "", Options{Propagation: unix.MS_SHARED | unix.MS_REC}}},
		{"-o rbind,rslave /a /b", request{"/a", "/b", "", Options{Flags: unix.MS_BIND | unix.MS_REC, Propagation: unix.MS_SLAVE | unix.MS_REC}}},
		{"-t ext4 -o defaults,_netdev,x-systemd.x,ro,rw /dev/a /b", request{"/dev/a", "/b", "ext4", Options{}}},
		{"-text4 -oro -o noexec /dev/a /b", request{"/dev/a", "/b", "ext4", Options{Flags: unix.MS_RDONLY | unix.MS_NOEXEC}}},
		{"--types=tmpfs --options=ro --source=tmpfs --target=/b", request{"tmpfs", "/b", "tmpfs", Options{Flags: unix.MS_RDONLY}}},
		{`-t x -o context="a,b",ro s /b`, request{"s", "/b", "x", Options{Flags: unix.MS_RDONLY, Data: `context="a,b"`}}},
	} {
		got, err := parseMount(strings.Fields(c.args))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v, want %+v", c.args, got, err, c.want)
		}
	}
}

func TestParseMountRefusesBadCommandLines(t *testing.T) {
	for args, cause := range map[string]string{
		"-t":                  "needs a value",
		"-a":                  "not known",
		"--make-me a":         "not known",
		"/a /b /c":            "too many paths",
		"-t tmpfs":            "no mount point",
		`-o a="b /x /y`:       "not closed",
		"--source=/a /b /c":   "too many paths",
		"-o bind --verbose x": "not known",
	} {
		if r, err := parseMount(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: %+v %v, want %q", args, r, err, cause)
		}
	}
}
