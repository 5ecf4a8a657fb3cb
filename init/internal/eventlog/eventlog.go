// Package eventlog writes init's events, its children's output and the kernel's log to bounded files in /run/kios/log,
// to the folder of this boot on the data partition, and, of these, what a person needs to the consoles and to an extra
// serial port when the kernel command line names one.
package eventlog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/hostlogs"
)

// lineLimit bounds one line of a child, in bytes. The rest of a longer line follows as further lines.
const lineLimit = 16 << 10

// Log takes all messages of init. Its methods may be called from any goroutine.
type Log struct {
	dir        string
	consoles   Consoles
	port       atomic.Pointer[sink]
	consoleAll atomic.Bool
	seen       atomic.Pointer[func(line []byte)]
	events     *logFile

	now    func() stamp // by tests too
	steps  steps
	kernel atomic.Bool // somebody follows it

	mu    sync.Mutex
	files []*logFile // all that were opened

	keeper *keeper
}

// Open starts logging to dir/init.log and to the consoles.
func Open(dir string, consoles Consoles) (*Log, error) {
	l := &Log{dir: dir, consoles: consoles, now: readClocks, keeper: newKeeper()}
	l.steps.observe(l.now())
	events, err := l.openFile("init")
	l.events = events
	return l, err
}

func (l *Log) openFile(name string) (*logFile, error) {
	ram, err := openRotating(filepath.Join(l.dir, hostlogs.Files(name)[0]), hostlogs.Limit)
	if err != nil {
		return nil, err
	}
	file := &logFile{name: name, ram: ram, keeper: l.keeper}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = append(l.files, file)
	return file, nil
}

// opened returns the files so far.
func (l *Log) opened() []*logFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.files)
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
	at := l.now()
	if step := l.steps.observe(at); step != 0 {
		l.put(at, "info", "clock.stepped", []any{"seconds", clock.Seconds(step), "bootedAt", l.bootedAt()})
	}
	l.put(at, level, event, fields)
}

// bootedAt returns when the machine started, as the wall clock knows it now.
func (l *Log) bootedAt() string { return l.steps.bootedAt().UTC().Format(hostlogs.TimeLayout) }

func (l *Log) put(at stamp, level, event string, fields []any) {
	line := redact(Format(at.wall, at.seconds(), level, event, fields...))
	l.events.write(line)
	if level != "info" {
		signal(l.keeper.urgent)
	}
	l.consoles.Put(line)
	l.tell(line)
	l.toPort("init", line)
}

func (s stamp) seconds() float64 { return clock.Seconds(s.up) }

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
	file, err := l.openFile(name)
	if err != nil {
		return nil, err
	}
	// Not os.Pipe: its ends are non-blocking, and a child whose standard output returns EAGAIN loses lines.
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	go l.copyLines(file, os.NewFile(uintptr(ends[0]), name), seen)
	return os.NewFile(uintptr(ends[1]), name), nil
}

func (l *Log) copyLines(file *logFile, from io.Reader, seen func(line []byte)) {
	lines := bufio.NewReaderSize(from, lineLimit)
	for {
		part, err := lines.ReadSlice('\n')
		if len(part) > 0 {
			l.childLine(file, part, seen)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// childLine takes a line of a child, which the caller overwrites with the next.
func (l *Log) childLine(file *logFile, part []byte, seen func(line []byte)) {
	text := redact(bytes.TrimRight(part, "\r\n"))
	at := l.now()
	file.write(formatText(at.wall, at.seconds(), levelOf(text), file.name, text))
	line := append(bytes.Clone(text), '\n') // the sinks keep it
	l.toPort(file.name, line)
	if seen != nil {
		seen(line)
	}
	if l.consoleAll.Load() {
		l.consoles.Put(append([]byte(file.name+": "), line...))
	}
}
