// Package prefetch reads what the first pods touch of the root, before they do: in large pieces, and on another
// processor where there is one.
package prefetch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// List is the file of the root that the build made from a profile of earlier boots.
const List = "/lib/kios/prefetch"

const (
	// page is the unit of the ranges, in bytes, whatever the kernel's is.
	page = 4096
	// requestKiB is the largest piece that is read at once. The kernel cuts a request to the read-ahead that the device
	// had when the file was opened (mm/readahead.c).
	requestKiB = 2048
	// devices matches the settings of the root's file system (sysfs-class-bdi).
	devices = "/sys/class/bdi/erofs-*/read_ahead_kb"
)

// Plan is how the root is read.
type Plan struct {
	// ReadAheadKiB is what a page fault reads around it.
	ReadAheadKiB int
	Files        []File
}

// File is a file of which parts are read before they are asked for, in the order of the plan.
type File struct {
	Path   string
	Ranges []Range
}

// Range is a part of a file in bytes.
type Range struct{ Offset, Length int64 }

// Parse reads a list: a line `read-ahead KIB`, then a line `PATH FIRST+COUNT …` for each file, in pages of 4096 bytes.
func Parse(text string) (Plan, error) {
	var plan Plan
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var err error
		if words[0] == "read-ahead" {
			plan.ReadAheadKiB, err = strconv.Atoi(strings.Join(words[1:], " "))
		} else {
			var ranges []Range
			ranges, err = parseRanges(words[1:])
			plan.Files = append(plan.Files, File{words[0], ranges})
		}
		if err != nil {
			return Plan{}, fmt.Errorf("%.80q: %w", strings.TrimSpace(line), err)
		}
	}
	return plan, nil
}

func parseRanges(words []string) ([]Range, error) {
	ranges := make([]Range, 0, len(words))
	for _, word := range words {
		first, count, _ := strings.Cut(word, "+")
		from, err := strconv.ParseUint(first, 10, 32)
		pages, countErr := strconv.ParseUint(count, 10, 32)
		if err := errors.Join(err, countErr); err != nil {
			return nil, err
		}
		ranges = append(ranges, Range{int64(from) * page, int64(pages) * page})
	}
	return ranges, nil
}

// Opened are the files of a plan, ready to be read.
type Opened []openFile

type openFile struct {
	*os.File
	ranges []Range
}

// Open sets the root's read-ahead and opens the plan's files. A file that cannot be opened is left out and named in
// the error.
func (p Plan) Open() (Opened, error) { return p.open(devices) }

func (p Plan) open(devices string) (o Opened, err error) {
	err = setReadAhead(devices, requestKiB)
	for _, planned := range p.Files {
		file, openErr := os.Open(planned.Path)
		if openErr != nil {
			err = errors.Join(err, openErr)
			continue
		}
		o = append(o, openFile{file, planned.Ranges})
	}
	return o, errors.Join(err, setReadAhead(devices, p.ReadAheadKiB))
}

func setReadAhead(pattern string, kib int) error {
	devices, err := filepath.Glob(pattern)
	for _, device := range devices {
		err = errors.Join(err, os.WriteFile(device, []byte(strconv.Itoa(kib)), 0))
	}
	return err
}

// Read reads the ranges into the page cache and closes the files. Pages of a root in memory are there when it returns;
// a disk may still be reading (posix_fadvise(2)).
func (o Opened) Read() (err error) {
	for _, file := range o {
		for _, r := range file.ranges {
			err = errors.Join(err, read(file.File, r))
		}
		file.Close()
	}
	return err
}

func read(file *os.File, r Range) error {
	const piece = requestKiB << 10
	for end := r.Offset + r.Length; r.Offset < end; r.Offset += piece {
		err := unix.Fadvise(int(file.Fd()), r.Offset, min(piece, end-r.Offset), unix.FADV_WILLNEED)
		if err != nil {
			return &os.PathError{Op: "fadvise", Path: file.Name(), Err: err}
		}
	}
	return nil
}
