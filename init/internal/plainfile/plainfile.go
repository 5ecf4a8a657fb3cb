// Package plainfile reads files of folders into which pods can write, and lists such folders. They may hold a
// FIFO, a link to /proc, a file without end or names without number, none of which may hold up process 1.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTooLong means that a file holds more bytes than its reader takes.
var ErrTooLong = errors.New("file is too long")

// Read returns the content of the regular file name below dir, of at most limit bytes. Links are followed only within
// dir and its file system (openat2(2)), so no other driver and no pod's file system serves the bytes.
func Read(dir, name string, limit int64) ([]byte, error) {
	file, err := Open(dir, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var data []byte
	info, err := file.Stat()
	if err == nil && info.Size() <= limit { // a larger file is not read at all, and one that grows up to the limit
		data, err = io.ReadAll(io.LimitReader(file, limit+1))
	}
	if err == nil && max(info.Size(), int64(len(data))) > limit {
		err = &os.PathError{Op: "read", Path: file.Name(), Err: fmt.Errorf("%w: at most %d bytes are allowed", ErrTooLong, limit)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// Check returns nil if Read would read the file, whatever its length.
func Check(dir, name string) error {
	file, err := Open(dir, name)
	if err == nil {
		file.Close()
	}
	return err
}

// Names returns at most so many names in a folder, in no order. It does not wait when something else is in the folder's
// place.
func Names(folder string, most int) ([]string, error) {
	dir, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(most)
	if errors.Is(err, io.EOF) {
		err = nil // an empty folder
	}
	return names, err
}

// Open opens the regular file name below dir for reading, under the conditions of Read.
func Open(dir, name string) (*os.File, error) { return openRegular(dir, name, unix.O_RDONLY) }

// OpenWritable opens the regular file name below dir for reading and writing, under the conditions of Read.
func OpenWritable(dir, name string) (*os.File, error) { return openRegular(dir, name, unix.O_RDWR) }

func openRegular(dir, name string, access uint64) (*os.File, error) {
	file, err := open(dir, name, access)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir + "/" + name, Err: err}
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: file.Name(), Err: fmt.Errorf("it is not a regular file (%v)", info.Mode().Type())}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// open does not wait for a writer of a FIFO (O_NONBLOCK).
func open(dir, name string, access uint64) (*os.File, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   access | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), dir+"/"+name), nil
}
