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

// patience bounds the wait for a disk that was named or booted from.
const patience = 10 * time.Second

// Drivers loads the modules of new devices and file systems.
type Drivers interface {
	LoadDevices() error
	LoadFS(name string) error
}

// Search returns the data partition's device, or "" when there is none. It runs while drivers are being loaded; settled
// is closed when they are. It waits only while another disk could change the result.
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
				drivers.LoadDevices() // a new bus may have brought a disk; the first pass has reported failures
			}
		case <-settled:
			stage, settled = Settled, nil
		case <-deadline:
			stage = Final
		}
	}
}

// Mount mounts the partition at target, where nothing can be executed. The rows of the mount table that bind parts of
// it decide where programs can be.
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
	remedy := "The node runs from RAM. Repair the ext4 file system of " + device + " on another machine, or flash the medium again."
	if errors.Is(err, unix.ENODEV) {
		remedy = "The kernel does not know ext4: name its module under `fs ext4` in the early table."
	}
	return fault.New(fault.DataPart, "mount "+device, remedy, err)
}

// writable fails for a file system that mounts but takes no writes because it is damaged or full.
func writable(dir string) error {
	file, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = file.WriteString("kios\n")
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}
