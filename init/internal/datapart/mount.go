package datapart

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
)

// Mount mounts the partition at target, where nothing can be executed. The rows of the mount table that bind parts of
// it decide where programs can be. A full file system is mounted like any other: only errors of the device or of the
// file system's own structure make it unusable.
func Mount(device, target string, drivers Drivers) error {
	row := mounts.Mount{
		Source: device, Target: target, FS: "ext4",
		Flags: mounts.Hard | unix.MS_NOATIME, Data: options(blockdev.BusOf(device)),
	}
	err := mounts.One(row, drivers.LoadFS)
	if err == nil {
		if err = writable(target); err == nil || IsFull(err) {
			return nil
		}
		unix.Unmount(target, unix.MNT_DETACH)
	}
	return fault.New(fault.DataPart, "mount "+device, remedy(device, err), err)
}

// remedy returns what to do about a partition that does not mount. The kernel refuses a device that is write-protected
// with EACCES.
func remedy(device string, err error) string {
	switch {
	case errors.Is(err, unix.ENODEV):
		return "The kernel does not know ext4: name its module under `fs ext4` in the early table."
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EROFS):
		return "The node runs from RAM. Open the write lock of the medium that has " + device + ", or replace it: a worn-out card refuses to be written."
	}
	return "The node runs from RAM. Repair the ext4 file system of " + device + " on another machine, or flash the medium again."
}

// options returns ext4's options for a medium. A memory card wears with each write, and ext4 writes its journal every
// five seconds while anything changes; what a program asks to be safe (fsync) is written at once on any medium.
func options(bus blockdev.Bus) string {
	if bus == blockdev.Card {
		return "errors=remount-ro,commit=30"
	}
	return "errors=remount-ro"
}

// writable fails for a file system that mounts but takes no writes. The probe has one name, so that power cuts cannot
// collect them.
func writable(dir string) error {
	const probe = "/.probe"
	err := os.WriteFile(dir+probe, []byte("kios\n"), 0o600)
	if gone := os.Remove(dir + probe); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
