package datapart

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
)

// patience is how long a disk that must be there may take to appear.
const patience = 10 * time.Second

// Drivers loads what new devices and file systems need.
type Drivers interface {
	LoadDevices() error
	LoadFS(name string) error
}

// Search looks for the data partition, waiting only when a disk is known to be missing. It answers "" when there is none.
func Search(want Want, drivers Drivers) string {
	events, err := blockdev.OpenUevents()
	if err != nil {
		device, _ := Choose(blockdev.Disks(), want, true)
		return device
	}
	defer events.Close()
	end := time.Now().Add(patience)
	for {
		left := time.Until(end)
		device, wait := Choose(blockdev.Disks(), want, left <= 0)
		if !wait {
			return device
		}
		events.Wait(left)
		drivers.LoadDevices() // a new bus may have brought a disk; a failure was told at the first pass
	}
}

// Mount mounts the partition at target. The file system is mounted as a whole without set-user-ID programs and devices; what
// is executable is decided row by row in the mount table.
func Mount(device, target string, drivers Drivers) error {
	row := mounts.Mount{
		Source: device, Target: target, FS: "ext4",
		Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOATIME, Data: "errors=remount-ro",
	}
	err := mounts.One(row, drivers.LoadFS)
	if err == nil {
		if probe := os.MkdirAll(target+"/meta", 0o755); probe == nil {
			return nil
		} else {
			err = probe // mounts, but cannot be written
			unix.Unmount(target, unix.MNT_DETACH)
		}
	}
	remedy := "the node runs from RAM; repair the ext4 file system of " + device + " on another machine, or flash the medium again"
	if errors.Is(err, unix.ENODEV) {
		remedy = "the kernel knows no ext4: name its module under `fs ext4` in the early table"
	}
	return fault.New(fault.DataPart, "mount "+device, remedy, err)
}
