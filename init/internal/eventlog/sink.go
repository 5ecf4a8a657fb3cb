package eventlog

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// sink writes lines to a device that may be slow or stuck (a serial port with nobody behind it) without holding up anybody:
// what does not fit its queue is counted and told once there is room again.
type sink struct {
	lines   chan []byte
	dropped atomic.Int64
}

const sinkQueue = 512

func newSink(device io.Writer) *sink {
	s := &sink{lines: make(chan []byte, sinkQueue)}
	go s.run(device)
	return s
}

func (s *sink) put(line []byte) {
	select {
	case s.lines <- line:
	default:
		s.dropped.Add(1)
	}
}

func (s *sink) run(device io.Writer) {
	for line := range s.lines {
		if n := s.dropped.Swap(0); n > 0 {
			fmt.Fprintf(device, "init: %d lines dropped, the device was too slow\n", n)
		}
		device.Write(line) // a device that fails has nowhere to complain to
	}
}

// flush waits until the queue is empty, at most for limit.
func (s *sink) flush(limit time.Duration) {
	for end := time.Now().Add(limit); len(s.lines) > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(5 * time.Millisecond) // the line taken last may be on its way
}
