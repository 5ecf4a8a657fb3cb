package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/hostlogs"
	"kios.dev/init/internal/plainfile"
)

// FollowName is the name under which a pod executes the program.
const FollowName = "node-log"

// followPace is how often a file is looked at. A look is one call of the kernel.
const followPace = time.Second

// Follow runs `node-log LOG`: it prints a log from its beginning, and what is added, until it is told to end. It
// returns the exit code.
func Follow(args []string, out, errOut io.Writer) int {
	if len(args) != 1 || !slices.Contains(hostlogs.Names, args[0]) {
		fmt.Fprintf(errOut, "%s: name one log of %v\n", FollowName, hostlogs.Names)
		return exitUsage
	}
	until, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	f := follower{dir: hostlogs.Dir, unit: args[0], to: bufio.NewWriter(out)}
	if err := f.run(until, time.Tick(followPace)); err != nil {
		fmt.Fprintf(errOut, "%s: %v\n", FollowName, err)
		return exitUsage
	}
	return exitOK
}

// follower prints the lines of one log, over any number of rotations.
type follower struct {
	dir, unit string
	to        *bufio.Writer
	file      *os.File // the generation that is read
	rest      []byte   // of a line that is not whole yet
	last      entry
}

// run prints what there is at each tick.
func (f *follower) run(until context.Context, ticks <-chan time.Time) error {
	for {
		if err := f.look(); err != nil {
			return err
		}
		select {
		case <-until.Done():
			return nil
		case <-ticks:
		}
	}
}

// look prints what was added since the last look. Only what was rotated away twice in between is missed, and said.
func (f *follower) look() error {
	if f.file != nil {
		// What was added before the rotation is read after it was noticed.
		rotated := !isAt(f.file, f.dir, f.name(0))
		if err := f.read(); err != nil || !rotated {
			return err
		}
	}
	if err := f.next(); err != nil {
		return err
	}
	return f.to.Flush()
}

func (f *follower) name(generation int) string { return hostlogs.Files(f.unit)[generation] }

// next reads the generations behind the one that was read, or both at the beginning.
func (f *follower) next() error {
	before := f.file
	if before == nil || !isAt(before, f.dir, f.name(1)) {
		if before != nil && exists(f.dir, f.name(1)) {
			fmt.Fprintf(f.to, "-- lines of %s may be missing here: it was rotated more than once within %v --\n", f.unit, followPace)
		}
		if err := f.open(1); err != nil {
			return err
		}
	}
	return f.open(0)
}

// open reads a generation from its beginning. One that is missing is looked for again at the next tick.
func (f *follower) open(generation int) error {
	file, err := plainfile.Open(f.dir, f.name(generation))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.rest = file, nil
	return f.read()
}

// read prints the whole lines that follow.
func (f *follower) read() error {
	chunk := make([]byte, 32<<10)
	for {
		n, err := f.file.Read(chunk)
		f.take(chunk[:n])
		if errors.Is(err, io.EOF) {
			return f.to.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func (f *follower) take(part []byte) {
	f.rest = append(f.rest, part...)
	for {
		end := bytes.IndexByte(f.rest, '\n')
		if end < 0 && len(f.rest) < longestLine {
			return
		}
		if end < 0 {
			end = len(f.rest) - 1
		}
		f.last = parseEntry(f.unit, f.rest[:end], f.last)
		f.print(f.last)
		f.rest = f.rest[end+1:]
	}
}

// print writes an event as it is, and other lines behind their times.
func (f *follower) print(e entry) {
	if len(e.text) == 0 || e.text[0] != '{' {
		fmt.Fprintf(f.to, "%s %.3f ", e.wall.UTC().Format(hostlogs.TimeLayout), e.up)
	}
	fmt.Fprintln(f.to, printable(e.text))
}

// isAt reports whether an open file is still the one of that name.
func isAt(file *os.File, dir, name string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(dir + "/" + name)
	return err == nil && os.SameFile(open, named)
}

func exists(dir, name string) bool {
	_, err := os.Lstat(dir + "/" + name)
	return err == nil
}
