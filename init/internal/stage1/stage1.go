// Package stage1 is pid 1 inside the initramfs: it mounts the root that lies there as a file, moves it to / and hands over.
package stage1

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/modules"
)

const (
	image   = "/root.erofs"
	newRoot = "/sysroot"
	// Next is the program that takes over.
	Next = "/bin/init"
)

// Environment variables that carry stage 1's time stamps (seconds of CLOCK_BOOTTIME) to stage 2.
const (
	EnvStart = "KIOS_UP_START"
	EnvRoot  = "KIOS_UP_ROOT"
)

// Run returns only when it failed. It needs neither /proc nor /sys nor /dev, so it mounts none of them.
func Run() error {
	start := clock.Uptime()
	loader, err := modules.Open("/early/table", "/early/modules")
	if err == nil {
		err = loader.LoadAlways()
	}
	if err != nil {
		// Not the end yet: the root mounts if what failed was not for it.
		fmt.Fprintf(os.Stderr, "init: %s: %v\n", fault.Module, err)
	}
	if err := mountRoot(); err != nil {
		return err
	}
	os.RemoveAll("/early") // the root has its own copy
	os.Remove("/init")
	if err := enterRoot(); err != nil {
		return fault.New(fault.Root, "move the root to /", "report this with the kernel's version", err)
	}
	env := []string{EnvStart + "=" + seconds(start.Seconds()), EnvRoot + "=" + seconds(clock.Uptime().Seconds())}
	err = unix.Exec(Next, []string{Next}, env)
	return fault.New(fault.Root, "start "+Next, "the root image is damaged or of another architecture: build and flash it again", err)
}

func mountRoot() error {
	if err := os.Mkdir(newRoot, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fault.New(fault.Root, "make "+newRoot, "the initramfs must be writable", err)
	}
	err := unix.Mount(image, newRoot, "erofs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOTBLK):
		return fault.New(fault.Root, "mount "+image, "the kernel needs CONFIG_EROFS_FS_BACKED_BY_FILE", err)
	case errors.Is(err, unix.ENODEV):
		return fault.New(fault.Root, "mount "+image, "the kernel knows no erofs: name its module under `always` in the early table", err)
	case errors.Is(err, unix.EINVAL):
		return fault.New(fault.Root, "mount "+image, "boot with rootfstype=ramfs; if it is there, the image is damaged: flash it again", err)
	}
	return fault.New(fault.Root, "mount "+image, "the image is damaged: flash it again", err)
}

// enterRoot is switch_root: pivot_root does not work on the initramfs.
func enterRoot() error {
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }
