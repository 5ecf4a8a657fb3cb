package eventlog

import (
	"bytes"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// rotating is a file of at most limit bytes with one older generation beside it.
type rotating struct {
	mu    sync.Mutex
	path  string
	limit int64
	size  int64
	torn  bool // the file ends within a line
	file  output
	disk  disk
}

// output is an open generation.
type output interface {
	Write(p []byte) (int, error)
	Close() error
	Sync() error
}

// disk is what a rotation does to names. Tests cut the power between any two of these.
type disk struct {
	rename func(from, to string) error
	remove func(path string) error
	open   func(path string, flags int) (output, int64, error)
}

// realDisk never waits for another end of what it opens.
var realDisk = disk{os.Rename, os.Remove, openFile}

func openFile(path string, flags int) (output, int64, error) {
	file, err := os.OpenFile(path, flags|os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "write", Path: path, Err: errors.New("it is no regular file")}
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

func openRotating(path string, limit int64) (*rotating, error) {
	r := &rotating{path: path, limit: limit, disk: realDisk}
	return r, r.open()
}

// open continues the file of a writer that ended, also within a line.
func (r *rotating) open() error {
	file, size, err := r.disk.open(r.path, os.O_CREATE)
	if err != nil {
		return err
	}
	r.file, r.size, r.torn = file, size, size > 0 && !endsLine(r.path, size)
	return nil
}

func endsLine(path string, size int64) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	last := make([]byte, 1)
	_, err = file.ReadAt(last, size-1)
	return err == nil && last[0] == '\n'
}

// Write takes whole lines and never splits one over two generations. A line longer than the limit gets a generation of
// its own.
func (r *rotating) Write(lines []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	written := 0
	for rest := lines; len(rest) > 0; rest = lines[written:] {
		part := r.fitting(rest)
		if len(part) == 0 {
			if err := r.rotate(); err != nil {
				return written, err
			}
			continue
		}
		n, err := r.append(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// fitting returns the lines that this generation has room for, and for an empty one at least the first.
func (r *rotating) fitting(lines []byte) []byte {
	room := r.limit - r.size
	if r.torn {
		room--
	}
	if int64(len(lines)) <= room {
		return lines
	}
	end := 0
	if room > 0 {
		end = bytes.LastIndexByte(lines[:room], '\n') + 1
	}
	if end == 0 && r.size == 0 {
		if end = bytes.IndexByte(lines, '\n') + 1; end == 0 {
			end = len(lines)
		}
	}
	return lines[:end]
}

// append ends a line that was written in part before, so that only that one is lost.
func (r *rotating) append(lines []byte) (int, error) {
	if r.torn {
		n, err := r.file.Write([]byte("\n"))
		r.size += int64(n)
		if err != nil {
			return 0, err
		}
		r.torn = false
	}
	n, err := r.file.Write(lines)
	r.size += int64(n)
	r.torn = n > 0 && lines[n-1] != '\n'
	return n, err
}

// rotate begins a new generation, whatever a pod with the folder has put into it. It opens only a file that it makes,
// so that no FIFO holds up every event of init.
func (r *rotating) rotate() error {
	r.disk.rename(r.path, r.path+".1") // fails if a folder is in the way; then the older generation is lost
	if err := r.disk.remove(r.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, _, err := r.disk.open(r.path, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	r.file.Close()
	r.file, r.size, r.torn = file, 0, false
	return nil
}

// sync makes what is written durable.
func (r *rotating) sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.Sync()
}

func (r *rotating) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.Close()
}
