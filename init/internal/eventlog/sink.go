package eventlog

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// sink writes lines to a device that may be slow or stuck (a serial port that nobody reads) without blocking its
// callers. It counts the lines that do not fit its queue and reports them once there is room again.
type sink struct {
	queue   chan entry
	dropped atomic.Int64
}

// entry is a line to write, or a channel to close once all earlier entries are written.
type entry struct {
	line    []byte
	written chan struct{}
}

const sinkQueue = 512

func newSink(device io.Writer) *sink {
	s := &sink{queue: make(chan entry, sinkQueue)}
	go s.run(device)
	return s
}

func (s *sink) put(line []byte) {
	select {
	case s.queue <- entry{line: line}:
	default:
		s.dropped.Add(1)
	}
}

func (s *sink) run(device io.Writer) {
	for e := range s.queue {
		if n := s.dropped.Swap(0); n > 0 {
			fmt.Fprintf(device, "init: %d lines dropped because the device was too slow\n", n)
		}
		if e.written != nil {
			close(e.written)
			continue
		}
		device.Write(e.line) // there is nowhere to report a failed device
	}
}

// flush waits until all present entries are written, at most for limit.
func (s *sink) flush(limit time.Duration) {
	end := time.After(limit)
	written := make(chan struct{})
	select {
	case s.queue <- entry{written: written}:
	case <-end:
		return
	}
	select {
	case <-written:
	case <-end:
	}
}

// Consoles are devices that show the same lines. One that is stuck or fails does not hold up the others.
type Consoles []*sink

// NewConsoles starts writing to devices.
func NewConsoles(devices ...io.Writer) Consoles {
	all := make(Consoles, len(devices))
	for i, device := range devices {
		all[i] = newSink(device)
	}
	return all
}

// Put queues a line for each.
func (c Consoles) Put(line []byte) {
	for _, s := range c {
		s.put(line)
	}
}

// Flush waits until all queues are written, at most for limit.
func (c Consoles) Flush(limit time.Duration) {
	var all sync.WaitGroup
	for _, s := range c {
		all.Go(func() { s.flush(limit) })
	}
	all.Wait()
}
