// Package esp mounts the EFI system partition for writing, for as long as somebody needs it, and changes the loader's
// entries on it so that a power cut leaves the old or the new one. Package slots decides which changes.
package esp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/slots"
)

const (
	// Shared is where an agent sees the partition.
	Shared = "/run/kios/esp"
	// own is where init sees it.
	own = "/run/kios/.esp-own"

	writable = mounts.Hard | unix.MS_NOATIME
	// patience bounds the wait for files that a dying agent still has open.
	patience = 10 * time.Second
	pace     = 100 * time.Millisecond
	// mostFiles bounds what is looked at in a folder of the partition.
	mostFiles = 256
)

// Volume is the partition. Its folder `kios` stays mounted read-only for as long as the node runs (package seed), and
// the kernel has one state for all mounts: each use makes it writable, and the last one read-only again, which also
// takes back the mark of a partition in use.
type Volume struct {
	Device string
	LoadFS func(name string) error

	mu    sync.Mutex
	users int
}

// Use lets a function change what is below the partition's top.
func (v *Volume) Use(change func(top string) error) error {
	if err := v.Acquire(own); err != nil {
		return err
	}
	return errors.Join(change(own), v.Release(own))
}

// Acquire mounts the partition at target, where it can be written. There is no `sync`: with it a power cut in the middle
// of a rename leaves both names, with one cluster.
func (v *Volume) Acquire(target string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	row := mounts.Mount{Source: v.Device, Target: target, FS: "vfat", Flags: writable | unix.MS_RDONLY, Data: mounts.FAT}
	err := mounts.One(row, v.LoadFS)
	switch {
	case err == nil:
		if err = unix.Mount("", target, "", unix.MS_REMOUNT|writable, ""); err != nil {
			unix.Unmount(target, unix.MNT_DETACH)
		}
	case errors.Is(err, unix.EBUSY): // it is writable already
		row.Flags = writable
		err = mounts.One(row, v.LoadFS)
	}
	if err == nil {
		v.users++
	}
	return err
}

// Release unmounts the partition from target. What was written is on the medium then.
func (v *Volume) Release(target string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.users--
	var err error
	if v.users == 0 {
		err = errors.Join(syncFolder(target), retry(func() error {
			return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_RDONLY|writable, "")
		}), syncFolder(target))
	}
	if retry(func() error { return unix.Unmount(target, 0) }) != nil {
		err = errors.Join(err, unix.Unmount(target, unix.MNT_DETACH))
	}
	return err
}

// Forget has the next reader of the images read the medium. The kernel keeps their content as long as any mount of the
// partition is there.
func (v *Volume) Forget(top string) error {
	folder := filepath.Join(top, slots.ImagesDir)
	names, err := plainfile.Names(folder, mostFiles)
	failed := []error{syncFolder(top), err} // only what is written can be forgotten
	for _, name := range names {
		failed = append(failed, forgetFile(folder, name))
	}
	device, err := os.Open(v.Device)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	defer device.Close()
	failed = append(failed, unix.IoctlSetInt(int(device.Fd()), unix.BLKFLSBUF, 0))
	const entries = "2" // names and places of files (Documentation/admin-guide/sysctl/vm.rst)
	return errors.Join(append(failed, os.WriteFile("/proc/sys/vm/drop_caches", []byte(entries), 0))...)
}

func forgetFile(folder, name string) error {
	file, err := plainfile.Open(folder, name)
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// retry repeats what fails because somebody still has files open.
func retry(do func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(pace) {
		err := do()
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return err
		}
	}
}

// syncFolder flushes the disk's own cache, which syncfs(2) does not.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return dir.Sync()
}
