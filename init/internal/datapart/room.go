package datapart

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/plainfile"
)

const (
	// ballast is a folder on the data partition that holds room for a boot: pods may have taken all the rest, and only a
	// running kubelet can take it back from them.
	ballast       = "meta/ballast"
	blocks        = "blocks"
	ballastBytes  = 32 << 20
	ballastInodes = 512
	// mostNames bounds how many files of the ballast are removed at once: no build has made more.
	mostNames = 4 * ballastInodes
)

// IsFull reports whether an error says that a file system has no room, which is no damage.
func IsFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// Room is free space.
type Room struct{ Bytes, Inodes int64 }

// less reports whether r lacks some of other.
func (r Room) less(other Room) bool { return r.Bytes < other.Bytes || r.Inodes < other.Inodes }

func (r Room) times(n int64) Room { return Room{r.Bytes * n, r.Inodes * n} }

// space is what a file system has and what is free.
type space struct{ total, free Room }

func spaceOf(base string) (space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(base, &s); err != nil {
		return space{}, err
	}
	// Bfree would count blocks that ext4 keeps from everybody, for its own metadata.
	return space{Room{int64(s.Blocks) * s.Bsize, int64(s.Files)}, Room{int64(s.Bavail) * s.Bsize, int64(s.Ffree)}}, nil
}

// reserve returns the ballast of a file system. It takes at most a thirty-second part of it.
func (s space) reserve() Room {
	return Room{min(ballastBytes, s.total.Bytes/32), min(ballastInodes, s.total.Inodes/32)}
}

// Full returns what is free on the data partition at base, and whether that is too little for a boot: less than a
// quarter of the ballast.
func Full(base string) (free Room, full bool) {
	s, err := spaceOf(base)
	if err != nil {
		return Room{}, false // then the writes that need room will say so
	}
	return s.free, s.free.times(4).less(s.reserve())
}

// GiveUp frees the ballast of the data partition at base. It returns false when there is none. Init waits for it, so it
// removes a bounded number of files, and nothing below a folder among them: that is no ballast.
func GiveUp(base string) (bool, error) {
	dir := filepath.Join(base, ballast)
	info, err := os.Lstat(dir)
	if err != nil {
		return false, nil
	}
	if info.IsDir() { // what a link names is no ballast either
		err = removeFiles(dir)
	}
	if gone := os.Remove(dir); err == nil {
		err = gone
	}
	// ext4 hands out freed blocks only after the removal is committed.
	file, failed := os.Open(base)
	if failed != nil {
		return true, errors.Join(err, failed)
	}
	defer file.Close()
	return true, errors.Join(err, unix.Syncfs(int(file.Fd())))
}

// removeFiles removes the files of a ballast, first the one that holds the blocks, and returns the first error.
func removeFiles(dir string) error {
	names, err := plainfile.Names(dir, mostNames)
	for _, name := range append([]string{blocks}, names...) {
		if failed := os.Remove(filepath.Join(dir, name)); err == nil && !errors.Is(failed, os.ErrNotExist) {
			err = failed
		}
	}
	return err
}

// Reserve makes the ballast of the data partition at base, or completes it, unless that would take a quarter of what is
// free: kubelet would evict pods.
func Reserve(base string) error {
	dir := filepath.Join(base, ballast)
	holder := filepath.Join(dir, blocks)
	s, err := spaceOf(base)
	if err != nil {
		return err
	}
	want := s.reserve()
	if info, err := os.Stat(holder); err == nil && info.Size() >= want.Bytes || s.free.less(want.times(4)) {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// The blocks come last: with them the ballast is complete.
	for i := range want.Inodes - 2 {
		if err := touch(filepath.Join(dir, strconv.FormatInt(i, 10))); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(holder, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fallocate(int(file.Fd()), 0, 0, want.Bytes), file.Close())
}

func touch(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}
