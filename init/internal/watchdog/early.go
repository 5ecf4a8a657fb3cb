package watchdog

import (
	"os"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/cmdline"
)

// The number of the first watchdog's device (Documentation/admin-guide/devices.txt).
const (
	major = 10
	minor = 130
)

// Early arms the watchdog in the initramfs, so that a hang before the root is mounted ends too. What fails here is
// tried again with the names below /dev, and told then.
func Early() *Device {
	const node = "/.watchdog"
	if cmdline.Parse(earlyLine()).WatchdogOff {
		return nil
	}
	if unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(major, minor))) != nil {
		return nil
	}
	defer os.Remove(node)
	device, err := Open(node)
	if err != nil {
		return nil
	}
	return device
}

// earlyLine reads the kernel command line before anything is mounted. A watchdog that is broken must not be opened.
func earlyLine() string {
	const dir = "/.proc"
	if os.Mkdir(dir, 0o700) != nil {
		return ""
	}
	defer os.Remove(dir)
	if unix.Mount("proc", dir, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") != nil {
		return ""
	}
	defer unix.Unmount(dir, 0)
	text, _ := os.ReadFile(dir + "/cmdline")
	return string(text)
}
