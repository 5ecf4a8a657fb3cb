package volatile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/mountinfo"
)

// hostMounts are those of a node whose state is in RAM: 0:30 is the tmpfs, 0:31 the writable layer of /etc.
const hostMounts = `20 1 0:19 / / ro,relatime shared:1 - erofs none ro
30 20 0:30 / /lib/kios/data rw,nosuid,nodev,noexec - tmpfs tmpfs rw
31 20 0:31 / /etc rw,nosuid,nodev,noexec shared:2 - overlay overlay rw
32 20 0:30 /data/var /var rw,nosuid,nodev shared:3 - tmpfs tmpfs rw
33 20 0:30 /data/opt /opt rw,nosuid,nodev shared:4 - tmpfs tmpfs rw
34 20 0:30 /data/mnt /mnt rw,nosuid,nodev shared:5 - tmpfs tmpfs rw
35 32 0:30 /meta/log /var/log rw,nosuid,nodev,noexec shared:6 - tmpfs tmpfs rw
36 32 0:30 /data/containerd /var/lib/containerd rw,nosuid,nodev,noexec shared:7 - tmpfs tmpfs rw
37 32 0:30 /data/kubelet /var/lib/kubelet rw,nosuid,nodev shared:8 - tmpfs tmpfs rw
38 33 0:30 /data/cni /opt/cni rw,nosuid,nodev shared:9 - tmpfs tmpfs rw
39 20 0:22 / /run rw - tmpfs tmpfs rw
`

// container is what every container has beside its volumes.
const container = `500 400 0:90 / / rw,relatime - overlay overlay rw
501 500 0:91 / /proc rw - proc proc rw
502 500 0:30 /data/kubelet/pods/u/etc-hosts /etc/hosts rw - tmpfs tmpfs rw
503 500 0:30 /data/containerd/io.containerd/resolv.conf /etc/resolv.conf rw - tmpfs tmpfs rw
504 500 0:30 /data/kubelet/pods/u/volumes/kubernetes.io~empty-dir/v /v rw - tmpfs tmpfs rw
505 500 0:22 /udev /run/udev rw - tmpfs tmpfs rw
`

var folders = []string{"/var", "/opt", "/mnt", "/etc"}

func TestWhatAPodCanWriteIsNamedByThePathOfTheHost(t *testing.T) {
	for name, test := range map[string]struct {
		volume string
		want   []string
	}{
		"nothing":                  {"", nil},
		"a folder of the root":     {"600 500 0:30 /data/mnt /data rw,nodev - tmpfs tmpfs rw\n", []string{"/mnt"}},
		"below one that was there": {"600 500 0:30 /data/opt/a/b /data rw - tmpfs tmpfs rw\n", []string{"/opt/a/b"}},
		"a name with a space":      {"600 500 0:30 /data/var/lib/a\\040b /data rw - tmpfs tmpfs rw\n", []string{"/var/lib/a b"}},
		"in /etc":                  {"600 500 0:31 /x /data rw - overlay overlay rw\n", []string{"/etc/x"}},
		"a part that is read only": {"600 500 0:30 /data/mnt /data ro,nodev - tmpfs tmpfs rw\n", nil},
		"the node's own":           {"600 500 0:30 /meta/log /log rw - tmpfs tmpfs rw\n601 500 0:30 /data/kubelet /k rw - tmpfs tmpfs rw\n602 500 0:30 /data/cni/bin /cni rw - tmpfs tmpfs rw\n", nil},
		"what comes with a folder": {"600 500 0:30 /data/var /host rw - tmpfs tmpfs rw\n601 600 0:30 /data/var/lib/x /host/lib/x rw - tmpfs tmpfs rw\n", []string{"/var"}},
		"the whole host":           {"600 500 0:19 / /host ro - erofs none ro\n601 600 0:30 /data/var /host/var rw - tmpfs tmpfs rw\n602 600 0:31 / /host/etc rw - overlay overlay rw\n", nil},
		"a neighbour by name":      {"600 500 0:30 /data/varied /data rw - tmpfs tmpfs rw\n", nil},
	} {
		if got := written(mountinfo.Parse(hostMounts), mountinfo.Parse(container+test.volume), folders); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// process writes what a look reads of a process.
func process(t *testing.T, proc, pid, space, mounts string) {
	t.Helper()
	folder := filepath.Join(proc, pid)
	if err := os.MkdirAll(folder+"/ns", 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(folder + "/ns/mnt")
	if err := os.Symlink(space, folder+"/ns/mnt"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder+"/mountinfo", []byte(mounts), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEachContainerIsLookedAtOnceAndNotInTheMaking(t *testing.T) {
	proc := t.TempDir()
	volume := func(path string) string {
		return container + "600 500 0:30 /data/" + path + " /data rw - tmpfs tmpfs rw\n"
	}
	process(t, proc, "self", "mnt:[1]", hostMounts)
	process(t, proc, "1", "mnt:[1]", hostMounts)
	process(t, proc, "7", "mnt:[7]", volume("mnt"))
	process(t, proc, "8", "mnt:[7]", volume("mnt"))
	process(t, proc, "9", "mnt:[9]", hostMounts) // before it changes its root
	pods := Pods{Proc: proc, Folders: folders}
	expect := func(want ...string) {
		t.Helper()
		if got := pods.Look(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	expect()
	expect("/mnt")
	expect()
	process(t, proc, "9", "mnt:[9]", volume("opt/a"))
	expect("/opt/a")
	expect()
	for _, gone := range []string{"7", "8", "9"} {
		os.RemoveAll(filepath.Join(proc, gone))
	}
	expect()
	process(t, proc, "10", "mnt:[7]", volume("var/lib/new")) // the kernel gives the number to another
	expect()
	expect("/var/lib/new")
	if len(pods.looked) != 2 {
		t.Errorf("remembers %v", pods.looked)
	}
}

func TestAPathIsToldOnceAndNotBelowOneThatWasTold(t *testing.T) {
	var told []string
	tell := Once(folders, func(path string) { told = append(told, path) })
	for _, path := range []string{"/var", "/var/lib/rook", "/var/lib/rook", "/var/lib/rook/osd", "/var/lib/rook2", "/etc", "/etc/kubernetes/pki", "/etc/kios/x", "/etc/x", "/usr/libexec/kubernetes", "/usr/libexec/kubernetes/kubelet-plugins", "/usr/libexec/x"} {
		tell(path)
	}
	if want := "/var /var/lib/rook /var/lib/rook2 /etc/x /usr/libexec/x"; strings.Join(told, " ") != want {
		t.Errorf("told %q, want %s", told, want)
	}
	for i := range 2 * limit {
		tell("/mnt/" + strings.Repeat("x", i+1))
	}
	if len(told) != limit {
		t.Errorf("told %d paths", len(told))
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add(hostMounts + container)
	f.Add(`1 2 0:1 \04 \777 rw`)
	f.Fuzz(func(t *testing.T, text string) { written(mountinfo.Parse(hostMounts), mountinfo.Parse(text), folders) })
}
