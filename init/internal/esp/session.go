package esp

import (
	"errors"
	"io"
	"net"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
)

// Socket is the path of the socket below /run.
const Socket = "kios/control/esp.sock"

const (
	// turnPatience is how long a connection waits for the one before it, whose writes may take a slow card so long.
	turnPatience = 30 * time.Second
	// longest bounds a connection: an update writes one file.
	longest = 30 * time.Minute
	// replyPatience is how long a client has to read the reply.
	replyPatience = time.Second
)

// Log is the part of the event log that sessions need.
type Log interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
}

// Mounts is the part of a Volume that sessions need.
type Mounts interface {
	Acquire(target string) error
	Release(target string) error
	Forget(top string) error
}

// Sessions mounts the partition at Shared while a connection is open, of one client at a time.
type Sessions struct {
	// Volume returns the partition, or why it may not be written. It may wait.
	Volume func() (Mounts, error)
	Log    Log

	turn   chan struct{}
	target string
}

// NewSessions returns the sessions of a node.
func NewSessions(volume func() (Mounts, error), log Log) *Sessions {
	return &Sessions{volume, log, make(chan struct{}, 1), Shared}
}

// Reply is the one line that a client gets.
type Reply struct {
	V       int    `json:"v"`
	Mounted bool   `json:"mounted"`
	Code    string `json:"code,omitempty"`
	Cause   string `json:"cause,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// Serve has the partition mounted until the client closes the connection, or half of it. What the client sends is
// ignored.
func (s *Sessions) Serve(conn net.Conn) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-time.After(turnPatience):
		refuse(conn, fault.New(fault.SlotsBusy, "mount the EFI system partition", "Wait for the other program that writes it.", errors.New("another connection is open")))
		return
	}
	volume, err := s.Volume()
	if err == nil {
		err = volume.Acquire(s.target)
	}
	if err != nil {
		refuse(conn, err)
		return
	}
	start := time.Now()
	s.Log.Info("esp.mounted")
	hostapi.Reply(conn, Reply{V: 1, Mounted: true}, replyPatience)
	conn.SetReadDeadline(start.Add(longest))
	io.Copy(io.Discard, conn)
	fields := []any{"ms", time.Since(start).Milliseconds()}
	if err := errors.Join(volume.Forget(s.target), volume.Release(s.target)); err != nil {
		s.Log.Warn("esp.unmounted", append(fields, "cause", err)...)
		return
	}
	s.Log.Info("esp.unmounted", fields...)
}

func refuse(conn net.Conn, err error) {
	f := fault.New(fault.SlotsMedium, "mount the EFI system partition", "Read init's log, and check the disk.", err)
	errors.As(err, &f)
	hostapi.Reply(conn, Reply{V: 1, Code: f.Code, Cause: f.Error(), Remedy: f.Remedy}, replyPatience)
}
