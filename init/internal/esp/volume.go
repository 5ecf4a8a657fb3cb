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
	// Private is init's own folder, for root alone. It is not in /run/kios, where pods would see what is mounted in it.
	Private = "/run/.kios"
	// own is where init sees the partition.
	own = Private + "/esp"

	writable = mounts.Hard | unix.MS_NOATIME // reading writes nothing
	patience = 10 * time.Second
	pace     = 100 * time.Millisecond
	// mostFiles bounds what is looked at in a folder of the partition.
	mostFiles = 256
)

// Volume is the partition. Its folder `kios` stays mounted read-only for as long as the node runs (package seed), and
// the kernel has one state for all mounts: the first use makes it writable, and the last one read-only again, which
// also takes back the mark of a partition in use. There is no `sync`: with it a power cut in the middle of a rename
// leaves both names, with one cluster.
type Volume struct {
	device string
	loadFS func(name string) error
	own    string // where init sees it
	// patience bounds the wait for files that a dying agent still has open.
	patience time.Duration

	mu    sync.Mutex
	users int
}

// New returns the partition on a device.
func New(device string, loadFS func(name string) error) *Volume {
	return &Volume{device: device, loadFS: loadFS, own: own, patience: patience}
}

// Look lets a function read what is below the partition's top. Nothing is written.
func (v *Volume) Look(read func(top string) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.users > 0 {
		return read(v.own)
	}
	err := v.mount(v.own, writable|unix.MS_RDONLY)
	if errors.Is(err, unix.EBUSY) {
		err = v.mount(v.own, writable)
	}
	if err != nil {
		return err
	}
	return errors.Join(read(v.own), v.unmount(v.own))
}

// Use lets a function change what is below the partition's top.
func (v *Volume) Use(change func(top string) error) error {
	if err := v.acquire(func() error { return nil }); err != nil {
		return err
	}
	return errors.Join(change(v.own), v.release(func() error { return nil }))
}

// Acquire mounts the partition at target, where it can be written, also as pods see that mount.
func (v *Volume) Acquire(target string) error {
	return v.acquire(func() error { return v.mount(target, writable) })
}

// Release unmounts the partition from target. What was written is on the medium then.
func (v *Volume) Release(target string) error {
	return v.release(func() error { return v.unmount(target) })
}

func (v *Volume) acquire(show func() error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.users == 0 {
		if err := v.open(); err != nil {
			return err
		}
	}
	if err := show(); err != nil {
		if v.users == 0 {
			err = errors.Join(err, v.seal())
		}
		return err
	}
	v.users++
	return nil
}

func (v *Volume) release(hide func() error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	err := hide()
	if v.users--; v.users == 0 {
		err = errors.Join(err, v.seal())
	}
	return err
}

func (v *Volume) mount(target string, flags uintptr) error {
	return mounts.One(mounts.Mount{Source: v.device, Target: target, FS: "vfat", Flags: flags, Data: mounts.FAT}, v.loadFS)
}

// open makes the partition writable by a mount of init's own: a mount that pods see keeps what it was when they got it.
func (v *Volume) open() error {
	err := v.mount(v.own, writable|unix.MS_RDONLY)
	if errors.Is(err, unix.EBUSY) { // it stayed writable, because somebody kept a file open
		return v.mount(v.own, writable)
	}
	if err != nil {
		return err
	}
	if err = unix.Mount("", v.own, "", unix.MS_REMOUNT|writable, ""); err != nil {
		err = errors.Join(err, v.unmount(v.own))
	}
	return err
}

// seal makes the partition read-only. It is flushed before and after: remounting writes, and does not flush the disk.
func (v *Volume) seal() error {
	err := errors.Join(syncFolder(v.own), v.retry(func() error {
		return unix.Mount("", v.own, "", unix.MS_REMOUNT|unix.MS_RDONLY|writable, "")
	}), syncFolder(v.own))
	return errors.Join(err, v.unmount(v.own))
}

// unmount waits for files that a dying program still has open, and then hides the mount from all others.
func (v *Volume) unmount(target string) error {
	if v.retry(func() error { return unix.Unmount(target, 0) }) != nil {
		return unix.Unmount(target, unix.MNT_DETACH)
	}
	return nil
}

// Forget has the next reader of what a start takes part in read the medium. The kernel keeps the content of files as
// long as any mount of the partition is there.
func (v *Volume) Forget(top string) error {
	failed := []error{syncFolder(top), forgetFiles(top)} // only what is written can be forgotten
	device, err := os.Open(v.device)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	defer device.Close()
	failed = append(failed, unix.IoctlSetInt(int(device.Fd()), unix.BLKFLSBUF, 0))
	const entries = "2" // names and places of files (Documentation/admin-guide/sysctl/vm.rst)
	return errors.Join(append(failed, os.WriteFile("/proc/sys/vm/drop_caches", []byte(entries), 0))...)
}

// forgetFiles drops the content of systems, entries and the loader's other files: by their names alone the kernel
// forgets no file of which it has content. A partition has the folders of one kind of loader.
func forgetFiles(top string) error {
	dirs := []string{slots.ImagesDir, slots.EntriesDir, slots.LoaderDir}
	systems, err := systemsIn(top)
	failed := []error{err}
	for _, generation := range systems {
		dirs = append(dirs, slots.SystemDir(generation))
	}
	if _, err := os.Lstat(filepath.Join(top, slots.Config)); err == nil {
		failed = append(failed, forgetFile(top, slots.Config))
	}
	for _, dir := range dirs {
		folder := filepath.Join(top, dir)
		names, err := plainfile.Names(folder, mostFiles)
		if !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
		for _, name := range names {
			failed = append(failed, forgetFile(folder, name))
		}
	}
	return errors.Join(failed...)
}

func forgetFile(folder, name string) error {
	if info, err := os.Lstat(filepath.Join(folder, name)); err != nil || info.IsDir() {
		return err
	}
	file, err := plainfile.Open(folder, name)
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// retry repeats what fails because somebody still has files open.
func (v *Volume) retry(do func() error) error {
	for end := time.Now().Add(v.patience); ; time.Sleep(pace) {
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
