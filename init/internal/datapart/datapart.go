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

// Search looks for the data partition while drivers are still being loaded; settled is closed when they are. It waits only for
// what can still change the answer, and answers "" when there is no data partition.
func Search(want Want, drivers Drivers, settled <-chan struct{}) string {
	var news <-chan struct{}
	if events, err := blockdev.OpenUevents(); err == nil {
		defer events.Close()
		news = events.C
	}
	deadline := time.After(patience)
	stage := Loading
	for {
		device, more := Choose(blockdev.Disks(), want, stage)
		if !more {
			return device
		}
		select {
		case <-news:
			if stage == Settled {
				drivers.LoadDevices() // a new bus may have brought a disk; a failure was told at the first pass
			}
		case <-settled:
			stage, settled = Settled, nil
		case <-deadline:
			stage = Final
		}
	}
}

// Mount mounts the partition at target, where nothing can be executed: the rows of the mount table that bind parts of it decide
// what can.
func Mount(device, target string, drivers Drivers) error {
	row := mounts.Mount{
		Source: device, Target: target, FS: "ext4",
		Flags: mounts.Hard | unix.MS_NOATIME, Data: "errors=remount-ro",
	}
	err := mounts.One(row, drivers.LoadFS)
	if err == nil {
		if err = writable(target); err == nil {
			return nil
		}
		unix.Unmount(target, unix.MNT_DETACH)
	}
	remedy := "the node runs from RAM; repair the ext4 file system of " + device + " on another machine, or flash the medium again"
	if errors.Is(err, unix.ENODEV) {
		remedy = "the kernel knows no ext4: name its module under `fs ext4` in the early table"
	}
	return fault.New(fault.DataPart, "mount "+device, remedy, err)
}

// writable tells a file system that mounts, but takes no writes (damaged, or full), before anything relies on it.
func writable(dir string) error {
	file, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = file.WriteString("kios\n")
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}
