package shutdown

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Unmount unmounts every file system that holds data, the latest mount first. One that is busy is remounted read-only,
// so that the file system on the disk is clean in both cases.
func Unmount() error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range HoldingData(string(text)) {
		if err := unix.Unmount(m.Target, 0); err == nil || errors.Is(err, unix.EINVAL) {
			continue // EINVAL: unmounted together with another
		}
		if err := unix.Mount("", m.Target, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err == nil || m.FS == "overlay" {
			unix.Unmount(m.Target, unix.MNT_DETACH)
			continue
		}
		failed = append(failed, fmt.Errorf("%s is still mounted", m.Target))
	}
	return errors.Join(failed...)
}

// Mounted holds the fields of a line of mountinfo that matter here.
type Mounted struct{ Target, FS string }

// HoldingData returns the mounts to unmount, in order. Format: proc_pid_mountinfo(5).
func HoldingData(mountinfo string) []Mounted {
	var found []Mounted
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		_, after, ok := strings.Cut(line, " - ")
		if !ok || len(fields) < 5 {
			continue
		}
		fs, _, _ := strings.Cut(after, " ")
		target := unescape.Replace(fields[4])
		if target != "/" && fs != "proc" && fs != "sysfs" && fs != "devtmpfs" && fs != "cgroup2" && target != "/run" {
			found = append([]Mounted{{target, fs}}, found...)
		}
	}
	return found
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
