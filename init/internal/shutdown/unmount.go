package shutdown

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/mountinfo"
)

// The time that unmounting has: one file system of a disk, which may still have to write, and all of servers together.
// What does not reply would hold up the others.
const (
	diskPatience   = 10 * time.Second
	remotePatience = 3 * time.Second
	// lessPatience is what is left for each try once a disk has not replied.
	lessPatience = 2 * time.Second
	// UnmountLimit is the time that unmounting has as a whole.
	UnmountLimit = 30 * time.Second
)

var errStuck = errors.New("it does not end")

// Sync writes out what the file systems of disks hold, each by itself: sync(2) takes all mounted ones in turn, and
// waits at the first whose server does not reply.
func Sync() error {
	mounted, err := readMounted()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	disks := onDisks(mounted)
	failed := make([]error, len(disks))
	for i, m := range disks {
		wg.Go(func() { failed[i] = syncOne(m.Target) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

func syncOne(target string) error {
	dir, err := os.Open(target)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", target, err)
	}
	return nil
}

// onDisks returns one mount of each file system of a disk.
func onDisks(mounted []Mounted) []Mounted {
	var found []Mounted
	known := map[string]bool{}
	for _, m := range mounted {
		if strings.HasPrefix(m.Source, "/dev/") && !m.remote() && !known[m.Device] {
			known[m.Device] = true
			found = append(found, m)
		}
	}
	return found
}

// Unmount unmounts every file system that holds data, those of servers first and the latest mount before earlier ones.
// One that is busy is remounted read-only, so that the file system on the disk is clean in both cases.
func Unmount() error {
	mounted, err := readMounted()
	if err != nil {
		return err
	}
	return unmountAll(mounted, unix.Unmount, remountReadOnly)
}

func remountReadOnly(target string) error {
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func unmountAll(mounted []Mounted, unmount func(target string, flags int) error, seal func(target string) error) error {
	var failed []error
	detachRemote(mounted, unmount)
	patience := diskPatience
	try := func(do func() error) error {
		err := within(patience, do)
		if errors.Is(err, errStuck) { // its network may have others, and the last mount is the node's state
			patience = lessPatience
		}
		return err
	}
	for _, m := range mounted {
		if m.remote() {
			continue
		}
		err := try(func() error { return unmount(m.Target, 0) })
		if err == nil || errors.Is(err, unix.EINVAL) {
			continue // EINVAL: unmounted together with another
		}
		if err = try(func() error { return seal(m.Target) }); err == nil || m.FS == "overlay" {
			unmount(m.Target, unix.MNT_DETACH)
			continue
		}
		failed = append(failed, fmt.Errorf("%s is still mounted: %w", m.Target, err))
	}
	return errors.Join(failed...)
}

// detachRemote unmounts what servers and programs provide, all at a time. One that does not reply loses its requests
// and its place, so that what lies below can be unmounted.
func detachRemote(mounted []Mounted, unmount func(target string, flags int) error) {
	busy, silent := unmountRemote(mounted, unmount)
	end := time.Now().Add(remotePatience)
	try := func(m Mounted, flags int) error {
		return within(time.Until(end), func() error { return unmount(m.Target, flags) })
	}
	busy = slices.DeleteFunc(busy, func(m Mounted) bool { return try(m, 0) == nil }) // what was mounted in it has gone
	for _, m := range silent {
		try(m, unix.MNT_FORCE)
		try(m, unix.MNT_DETACH)
	}
	for _, m := range busy {
		try(m, unix.MNT_DETACH)
	}
}

// unmountRemote returns what is busy, though its server replies, and what has not ended in time.
func unmountRemote(mounted []Mounted, unmount func(target string, flags int) error) (busy, silent []Mounted) {
	late, cancel := context.WithTimeout(context.Background(), remotePatience)
	defer cancel()
	var remote []Mounted
	var tries []<-chan error
	for _, m := range mounted {
		if m.remote() {
			remote = append(remote, m)
			tries = append(tries, start(func() error { return unmount(m.Target, 0) }))
		}
	}
	for i, m := range remote {
		switch err := outcome(tries[i], late.Done()); {
		case errors.Is(err, errStuck):
			silent = append(silent, m)
		case err != nil:
			busy = append(busy, m)
		}
	}
	return busy, silent
}

// outcome returns how a try has ended when it is late, or errStuck.
func outcome(try <-chan error, late <-chan struct{}) error {
	select {
	case err := <-try:
		return err
	case <-late:
	}
	select {
	case err := <-try: // it ended while another was awaited
		return err
	default:
		return errStuck
	}
}

// start begins an action whose end nobody needs to await: the machine ends, and the goroutine with it.
func start(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

// within gives up waiting for an action after a time.
func within(limit time.Duration, do func() error) error {
	select {
	case err := <-start(do):
		return err
	case <-time.After(limit):
		return errStuck
	}
}

// Mounted is what matters here of a mount.
type Mounted struct{ Target, FS, Source, Device string }

// remoteFS are the file systems whose other end is a program or another machine.
var remoteFS = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "ceph": true, "9p": true, "virtiofs": true, "fuse": true, "fuseblk": true,
}

func (m Mounted) remote() bool { return remoteFS[m.FS] || strings.HasPrefix(m.FS, "fuse.") }

func readMounted() ([]Mounted, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	return HoldingData(string(text)), err
}

// HoldingData returns the mounts of a list to unmount, in order.
func HoldingData(list string) []Mounted {
	var found []Mounted
	for _, m := range slices.Backward(mountinfo.Parse(list)) {
		if m.Target != "/" && m.FS != "proc" && m.FS != "sysfs" && m.FS != "devtmpfs" && m.FS != "cgroup2" && m.Target != "/run" {
			found = append(found, Mounted{m.Target, m.FS, m.Source, m.Device})
		}
	}
	return found
}
