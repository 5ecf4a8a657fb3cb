// Package stage1 is process 1 inside the initramfs: it mounts the root, a file there, moves it to / and enters it.
package stage1

import (
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/modules"
	"kios.dev/init/internal/plainfile"
)

const (
	image   = "/root.erofs"
	newRoot = "/sysroot"
	// Program is init's path in the root.
	Program = "/bin/init"
)

// Times holds when stage 1 began and when the root was in place, on the boot clock.
type Times struct{ Start, Root time.Duration }

// Measured holds what the EFI file says of its own measurement (its sections .pcrpkey and .pcrsig), or nothing.
type Measured struct{ Key, Signature []byte }

// Handover is what stage 2 gets of stage 1.
type Handover struct {
	Times
	Measured Measured
}

const (
	// extra is the folder in which systemd's stub puts files for the initramfs (systemd-stub(7)).
	extra = "/.extra"
	// mostExtra is more than either file has, in bytes.
	mostExtra = 64 << 10
)

// Run leaves the process in the root, where the caller continues with stage 2. There is no exec between them: loading
// the same program a second time, from a compressed file, would take a tenth of a second on a small board. Stage 1 does
// not need /proc, /sys or /dev, so it mounts none of them.
func Run() (Handover, error) {
	handover := Handover{Times: Times{Start: clock.Uptime()}, Measured: readMeasured(extra)}
	loader, err := modules.Open("/early/table", "/early/modules")
	if err == nil {
		err = loader.LoadAlways()
	}
	if err != nil {
		// Not fatal yet: the root still mounts if it does not need the module that failed.
		fmt.Fprintf(os.Stderr, "init: cannot %v [%s]\n", err, fault.Module)
	}
	if err := takeBeside("/"); err != nil {
		return handover, err
	}
	if err := mountRoot(); err != nil {
		return handover, err
	}
	os.RemoveAll("/early")  // the root has its own copy
	os.RemoveAll("/kernel") // microcode, which the kernel has taken before it unpacked the archive
	os.RemoveAll(extra)
	if err := placeProgram(); err != nil {
		return handover, fault.New(fault.Root, "place init in the root", "Report this with the kernel's version.", err)
	}
	if err := enterRoot(); err != nil {
		return handover, fault.New(fault.Root, "move the root to /", "Report this with the kernel's version.", err)
	}
	handover.Root = clock.Uptime()
	return handover, nil
}

// readMeasured reads the files of the stub. What is not there or too long counts as nothing: who needs it says so.
func readMeasured(folder string) Measured {
	read := func(name string) []byte {
		content, err := plainfile.Read(folder, name, mostExtra)
		if err != nil {
			return nil
		}
		return content
	}
	return Measured{Key: read("tpm2-pcr-public-key.pem"), Signature: read("tpm2-pcr-signature.json")}
}

func mountRoot() error {
	if err := os.Mkdir(newRoot, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fault.New(fault.Root, "make "+newRoot, "Boot with a writable initramfs.", err)
	}
	err := unix.Mount(image, newRoot, "erofs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
	if err == nil {
		return nil
	}
	remedy := "The image is damaged: flash it again."
	switch {
	case errors.Is(err, unix.ENOTBLK): // tmpfs cannot back a mount, ramfs can
		remedy = "Boot with rootfstype=ramfs. If that is set, the kernel lacks CONFIG_EROFS_FS_BACKED_BY_FILE."
	case errors.Is(err, unix.ENODEV):
		remedy = "The kernel does not know erofs: name its module under `always` in the early table."
	}
	return fault.New(fault.Root, "mount "+image, remedy, err)
}

// placeProgram gives the root the program that is running, which kubelet calls as mount and umount before it starts a
// pod: a second copy would be in the image and would be decompressed for that. The root has an empty file in its place.
// The path is the same on both sides, so that /proc/1/exe names it.
func placeProgram() error {
	if err := os.Mkdir(path.Dir(Program), 0o755); err != nil {
		return err
	}
	if err := os.Rename("/init", Program); err != nil {
		return err
	}
	const flags = unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount(Program, newRoot+Program, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Mount("", newRoot+Program, "", unix.MS_REMOUNT|flags, "")
}

// enterRoot does what switch_root(8) does: pivot_root does not work on the initramfs.
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
