package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostlogs"
)

const (
	// pendingLimit bounds what a log holds in memory for a partition that is slow or stuck, in bytes.
	pendingLimit = 256 << 10
	// syncPace is the interval at which lines are made durable, other than faults. ext4 does so by itself after half a
	// minute.
	syncPace = 30 * time.Second
)

// logFile is one log: its files in RAM, and what waits for the data partition. Nobody who logs waits for a disk.
type logFile struct {
	name   string
	ram    *rotating
	keeper *keeper

	mu      sync.Mutex
	pending []byte
	lost    int // lines behind those that wait

	kept *rotating // the keeper's alone
}

func (f *logFile) write(line []byte) {
	f.ram.Write(line)
	if f.keeper.over.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	signal(f.keeper.waiting)
	if f.lost > 0 || len(f.pending)+len(line) > pendingLimit {
		f.lost++
		return
	}
	f.pending = append(f.pending, line...)
}

// take returns the lines that wait, and how many were lost behind them.
func (f *logFile) take() (lines []byte, lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines, lost = f.pending, f.lost
	f.pending, f.lost = nil, 0
	return lines, lost
}

// lose counts lines that did not reach the partition.
func (f *logFile) lose(lines int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost += lines
}

// keep copies what waits to the folder of this boot.
func (f *logFile) keep(dir string, limit int64, durable bool) error {
	lines, lost := f.take()
	if len(lines) == 0 && lost == 0 && (f.kept == nil || !durable) {
		return nil
	}
	if f.kept == nil {
		kept, err := openRotating(filepath.Join(dir, hostlogs.Files(f.name)[0]), limit)
		if err != nil {
			f.lose(lost + bytes.Count(lines, []byte("\n")))
			return err
		}
		f.kept = kept
	}
	if lost > 0 {
		at := readClocks()
		lines = append(lines, formatText(at.wall, at.seconds(), "warn", f.name, fmt.Appendf(nil, "%d lines are missing here: the data partition took none", lost))...)
	}
	n, err := f.kept.Write(lines)
	if err != nil {
		f.lose(lost + bytes.Count(lines[n:], []byte("\n")))
	} else if durable {
		err = f.kept.sync()
	}
	return err
}

// Keeping says where a boot is kept, and as what.
type Keeping struct {
	Folder string // of all boots
	Limit  int64  // bytes of a generation
	Record hostlogs.Record
}

// Keep begins the folder of this boot and writes all logs to it, from the first line on, in the background.
func (l *Log) Keep(k Keeping) {
	l.keeper.running.Store(true)
	go l.keeper.run(l, k)
}

// KeepNone ends the wait for a data partition: there is none.
func (l *Log) KeepNone() {
	l.keeper.over.Store(true)
	for _, file := range l.opened() {
		file.take()
	}
}

// Settle writes what waits and how the machine ends, and closes the files, so that the partition can be unmounted.
// Later lines are not kept. It returns only when the disk has answered.
func (l *Log) Settle(end string) error {
	if !l.keeper.running.Load() {
		return nil
	}
	done := make(chan error, 1)
	select {
	case l.keeper.settle <- settling{end, done}:
		return <-done
	case <-l.keeper.ended:
		return nil
	}
}

type settling struct {
	end  string
	done chan<- error
}

// keeper copies logs to the data partition. Only its own goroutine touches that partition.
type keeper struct {
	// pace is how long lines wait for others, and hurry the same after a fault, which the machine may not outlive.
	pace, hurry time.Duration

	over    atomic.Bool // nothing is kept any more
	running atomic.Bool
	waiting chan struct{} // a line waits
	urgent  chan struct{} // a fault waits
	settle  chan settling
	ended   chan struct{}
}

func newKeeper() *keeper {
	return &keeper{
		pace: 5 * time.Second, hurry: time.Second,
		waiting: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		settle: make(chan settling), ended: make(chan struct{}),
	}
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func (k *keeper) run(l *Log, keeping Keeping) {
	defer close(k.ended)
	b, err := l.beginBoot(keeping)
	if err != nil {
		l.KeepNone()
		l.unkept(err)
		return
	}
	for {
		select {
		case <-k.waiting:
		case s := <-k.settle:
			b.settle(s)
			return
		}
		select {
		case <-time.After(k.pace):
			b.copy(time.Since(b.synced) >= syncPace)
		case <-k.urgent:
			b.copy(true)
			time.Sleep(k.hurry)
		case s := <-k.settle:
			b.settle(s)
			return
		}
	}
}

// boot is this boot on the data partition.
type boot struct {
	log    *Log
	dir    string
	limit  int64
	record hostlogs.Record
	synced time.Time
	failed bool // and said so
}

func (l *Log) beginBoot(k Keeping) (*boot, error) {
	k.Record.V, k.Record.BootedAt = 1, l.bootedAt()
	dir, err := hostlogs.Begin(k.Folder, k.Record)
	return &boot{log: l, dir: dir, limit: k.Limit, record: k.Record, synced: time.Now()}, err
}

// copy writes what waits, and says once what stands in its way.
func (b *boot) copy(durable bool) {
	err := b.write(durable)
	if err != nil && !b.failed {
		b.log.unkept(err)
	}
	b.failed = err != nil
}

func (b *boot) write(durable bool) error {
	var all []error
	for _, file := range b.log.opened() {
		all = append(all, file.keep(b.dir, b.limit, durable))
	}
	if durable {
		b.synced = time.Now()
	}
	if at := b.log.bootedAt(); at != b.record.BootedAt {
		b.record.BootedAt = at
		all = append(all, hostlogs.Write(b.dir, b.record))
	}
	return errors.Join(all...)
}

func (b *boot) settle(s settling) {
	b.log.keeper.over.Store(true)
	err := b.write(true)
	for _, file := range b.log.opened() {
		if file.kept != nil {
			file.kept.close()
		}
	}
	b.record.End = s.end
	s.done <- errors.Join(err, hostlogs.Write(b.dir, b.record))
}

func (l *Log) unkept(err error) {
	l.Warn("logs.unkept", "cause", fault.New(fault.Logs, "keep the logs of this boot",
		"Free space on the data partition, or replace the disk. Until then they are in RAM only.", err))
}
