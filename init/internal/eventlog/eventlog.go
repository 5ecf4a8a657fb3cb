// Package eventlog writes init's events and its children's output to the consoles, to bounded files in /run/kios/log
// and to an extra serial port when the kernel command line names one.
package eventlog

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/clock"
)

const (
	fileLimit = 4 << 20 // bytes
	// lineLimit bounds one line of a child, in bytes. The rest of a longer line follows as further lines.
	lineLimit = 16 << 10
)

// Log takes all messages of init. Its methods may be called from any goroutine.
type Log struct {
	dir        string
	consoles   Consoles
	port       atomic.Pointer[sink]
	consoleAll atomic.Bool
	seen       atomic.Pointer[func(line []byte)]
	file       io.Writer
}

// Open starts logging to dir/init.log and to the consoles.
func Open(dir string, consoles Consoles) (*Log, error) {
	file, err := openRotating(filepath.Join(dir, "init.log"), fileLimit)
	if err != nil {
		return nil, err
	}
	return &Log{dir: dir, file: file, consoles: consoles}, nil
}

// Configure applies the options of the kernel command line, and once more those of a person's file if there is one.
func (l *Log) Configure(consoleAll bool, port io.Writer) {
	l.consoleAll.Store(consoleAll)
	if port != nil {
		l.port.Store(newSink(port))
	}
}

// Info reports a change of state.
func (l *Log) Info(event string, fields ...any) { l.event("info", event, fields) }

// Warn reports a fault that the node works around.
func (l *Log) Warn(event string, fields ...any) { l.event("warn", event, fields) }

// Error reports a fault that an operator has to fix.
func (l *Log) Error(event string, fields ...any) { l.event("error", event, fields) }

func (l *Log) event(level, event string, fields []any) {
	line := Format(time.Now(), clock.Seconds(clock.Uptime()), level, event, fields...)
	l.file.Write(line)
	l.consoles.Put(line)
	l.tell(line)
	l.toPort("init", line)
}

// Console puts one finished line of a client on the consoles.
func (l *Log) Console(line []byte) {
	l.consoles.Put(append(line[:len(line):len(line)], '\n'))
	l.tell(line)
}

// Show puts a text of whole lines on the consoles, and in no file.
func (l *Log) Show(text []byte) { l.consoles.Put(text) }

// Watch has each event and each line of a client read by seen, which must not wait.
func (l *Log) Watch(seen func(line []byte)) { l.seen.Store(&seen) }

func (l *Log) tell(line []byte) {
	if seen := l.seen.Load(); seen != nil {
		(*seen)(line)
	}
}

// Flush waits until slow devices have written their queues, at most for limit.
func (l *Log) Flush(limit time.Duration) {
	all := l.consoles
	if port := l.port.Load(); port != nil {
		all = append(slices.Clip(all), port)
	}
	all.Flush(limit)
}

func (l *Log) toPort(name string, line []byte) {
	if port := l.port.Load(); port != nil {
		port.put(append([]byte(name+": "), line...))
	}
}

// Child opens the pipe for a child's standard output and error. It outlives the process: the next start writes to it
// too. seen, if it is not nil, gets each line as well.
func (l *Log) Child(name string, seen func(line []byte)) (*os.File, error) {
	file, err := openRotating(filepath.Join(l.dir, name+".log"), fileLimit)
	if err != nil {
		return nil, err
	}
	// Not os.Pipe: its ends are non-blocking, and a child whose standard output returns EAGAIN loses lines.
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	go l.copyLines(name, file, os.NewFile(uintptr(ends[0]), name), seen)
	return os.NewFile(uintptr(ends[1]), name), nil
}

func (l *Log) copyLines(name string, file io.Writer, from io.Reader, seen func(line []byte)) {
	lines := bufio.NewReaderSize(from, lineLimit)
	for {
		part, err := lines.ReadSlice('\n')
		if len(part) > 0 {
			line := append([]byte(nil), part...) // the sinks keep it
			if line[len(line)-1] != '\n' {
				line = append(line, '\n')
			}
			file.Write(line)
			l.toPort(name, line)
			if seen != nil {
				seen(line)
			}
			if l.consoleAll.Load() {
				l.consoles.Put(append([]byte(name+": "), line...))
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
