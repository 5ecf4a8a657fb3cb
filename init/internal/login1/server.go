// Package login1 tells kubelet that the machine is about to stop, and waits while kubelet ends the pods. It serves as
// much of the D-Bus interface org.freedesktop.login1 as kubelet calls, to kubelet alone, on a socket that is its bus.
package login1

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// Longest is the time that init gives kubelet at most. Kubelet reads it as logind's bound; if its own grace period is
// longer, it would configure logind and then give up.
const Longest = time.Hour

// registering is the time after AddMatch in which kubelet could lose a signal: it asks for the signal first, and then
// tells its D-Bus library what to do with it.
const registering = 3 * time.Second

// maxClients bounds the open connections. Kubelet has one.
const maxClients = 8

// Server is the bus with its one service.
type Server struct {
	isKnown     func(pid int) bool
	tooLong     func()
	guid        string
	registering time.Duration

	mu        sync.Mutex
	clients   []*session
	names     int
	preparing time.Time // when kubelet was told, or zero
	left      time.Time // when the last client that had held an inhibitor went away
	changed   chan struct{}
}

// Listen opens the socket at path for the processes that isKnown names. tooLong is called when kubelet wants a longer
// time than Longest.
func Listen(path string, isKnown func(pid int) bool, tooLong func()) (*Server, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	id := make([]byte, 16)
	rand.Read(id)
	s := &Server{isKnown: isKnown, tooLong: tooLong, guid: hex.EncodeToString(id), registering: registering, changed: make(chan struct{})}
	go s.accept(listener)
	return s, nil
}

func (s *Server) accept(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			time.Sleep(100 * time.Millisecond) // out of descriptors, the only error of an open listener
			continue
		}
		go s.serve(conn)
	}
}

// update changes the state and wakes whoever waits for a change.
func (s *Server) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// add returns nil when there are too many clients.
func (s *Server) add(conn *net.UnixConn) (client *session) {
	s.update(func() {
		if len(s.clients) >= maxClients {
			return
		}
		s.names++
		client = &session{conn: conn, name: ":1." + strconv.Itoa(s.names), seen: seen{heard: time.Now()}}
		s.clients = append(s.clients, client)
	})
	return client
}

func (s *Server) remove(client *session) {
	s.update(func() {
		for i, other := range s.clients {
			if other == client {
				s.clients = append(s.clients[:i:i], s.clients[i+1:]...)
			}
		}
		if client.locked {
			s.left = time.Now()
		}
	})
}

func (s *Server) heardOf(client *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client.heard = time.Now()
}

// watch notes that a client wants the signal.
func (s *Server) watch(client *session, matches bool) {
	if !matches {
		return
	}
	s.update(func() {
		if !client.watches {
			client.watches, client.ready = true, time.Now().Add(s.registering)
		}
	})
	s.tell(client)
}

func (s *Server) lock(client *session) (ok bool) {
	s.update(func() {
		if ok = client.locks < maxLocks; ok {
			client.locks++
			client.locked = true
		}
	})
	return ok
}

func (s *Server) unlock(client *session) {
	s.update(func() {
		if client.locks--; client.locks == 0 {
			client.released = time.Now()
		}
	})
}

func signal(active bool) message {
	return message{kind: kindSignal, path: objectPath, iface: manager, member: prepare, sender: ":1.0"}.withBool(active)
}

// Prepare tells kubelet that the machine is about to stop, and each kubelet that starts meanwhile: none asks.
func (s *Server) Prepare() { s.announce(time.Now()) }

// Withdraw tells kubelet that the machine does not stop after all.
func (s *Server) Withdraw() { s.announce(time.Time{}) }

func (s *Server) announce(since time.Time) {
	s.update(func() { s.preparing = since })
	for _, client := range s.all() {
		s.tell(client)
	}
}

// tell sends a client the signal if what it was told last is no longer so. A kubelet that was told of a stop that was
// called off is told nothing more: it then closes the wrong descriptor and has no inhibitor, so it is to start again.
func (s *Server) tell(client *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	active := !s.preparing.IsZero()
	if !client.watches || client.told == active || client.spent {
		return
	}
	if early := time.Until(client.ready); early > 0 {
		time.AfterFunc(early, func() { s.tell(client) })
		return
	}
	client.told, client.spent, client.heard = active, !active, time.Now()
	client.send(signal(active), nil) // a client that cannot be told is gone or hung
}

func (s *Server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*session(nil), s.clients...)
}

// ping makes a client that lives send something.
func (s *Server) ping() {
	for _, client := range s.all() {
		client.send(message{kind: kindCall, path: objectPath, iface: peer, member: "Ping", sender: bus}, nil)
	}
}
