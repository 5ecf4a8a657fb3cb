package hostapi

import (
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Log is the part of the event log that the sockets need.
type Log interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
	Console(line []byte)
}

// maxClients bounds the open connections of each socket. The oldest is closed for the newest.
const maxClients = 64

// A client that sends without end must not roll the log over: of each socket so many lines are logged in a minute.
const (
	loggedCommands = 20
	loggedRefusals = 6
)

// Server owns the sockets.
type Server struct {
	log     Log
	handle  func(Command)
	clients map[string]*clients
	printed limiter // lines on the console
}

// Listen opens every socket below runDir. handle is called from many goroutines and must not block.
func Listen(runDir string, log Log, handle func(Command)) (*Server, error) {
	s := &Server{
		log: log, handle: handle, clients: map[string]*clients{},
		printed: limiter{limit: consoleRate, window: time.Second},
	}
	for _, socket := range Sockets {
		c := &control{
			Server: s, socket: socket,
			commands: limiter{limit: loggedCommands, window: time.Minute},
			refusals: limiter{limit: loggedRefusals, window: time.Minute},
		}
		if err := s.listen(runDir, socket.Name, socket.Path, c.serve); err != nil {
			return nil, err
		}
	}
	return s, s.listen(runDir, "console", "kios/control/console.sock", s.console)
}

// Serve opens one more socket below runDir, with the same limits. serve has a connection until it returns.
func (s *Server) Serve(runDir, name, path string, serve func(net.Conn)) error {
	return s.listen(runDir, name, path, serve)
}

func (s *Server) listen(runDir, name, path string, serve func(net.Conn)) error {
	path = filepath.Join(runDir, path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	open := &clients{}
	s.clients[name] = open
	go accept(listener, open, serve)
	return nil
}

func accept(listener net.Listener, open *clients, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			time.Sleep(100 * time.Millisecond) // out of descriptors, the only error of an open listener
			continue
		}
		open.add(conn)
		go func() {
			defer open.remove(conn)
			serve(conn)
		}()
	}
}

// control is one control socket with what its clients may still log.
type control struct {
	*Server
	socket             Socket
	commands, refusals limiter
}

// serve handles a client's commands until it half-closes or disconnects.
func (c *control) serve(conn net.Conn) {
	from := senderOf(conn)
	buffer := make([]byte, 64)
	for {
		n, err := conn.Read(buffer)
		commands, refused := c.socket.Interpret(buffer[:n])
		if len(refused) > 0 {
			c.note(&c.refusals, c.log.Warn, "control.refused", from, "bytes", hex.EncodeToString(refused))
		}
		for _, command := range slices.Compact(commands) { // one restart fulfils equal requests
			c.note(&c.commands, c.log.Info, "control", from, "command", command.String())
			c.handle(command)
		}
		if err != nil {
			return
		}
	}
}

func (c *control) note(of *limiter, log func(string, ...any), event string, from sender, fields ...any) {
	ok, lost := of.allow(time.Now())
	if !ok {
		return
	}
	fields = append([]any{"socket", c.socket.Name, "sender", from.String()}, fields...)
	if lost > 0 {
		fields = append(fields, "unlogged", lost)
	}
	log(event, fields...)
}

// Broadcast sends an event to every client of the system socket. A client that does not read loses it.
func (s *Server) Broadcast(event byte) {
	s.clients["system"].each(func(conn net.Conn) {
		conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		conn.Write([]byte{event})
	})
}

type clients struct {
	mu   sync.Mutex
	open []net.Conn // oldest first
}

func (c *clients) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, conn)
	if len(c.open) > maxClients {
		c.open[0].Close() // its goroutine will find nothing to remove
		c.open = c.open[1:]
	}
}

func (c *clients) remove(conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.open {
		if other == conn {
			c.open = append(c.open[:i:i], c.open[i+1:]...)
			return
		}
	}
}

func (c *clients) each(do func(net.Conn)) {
	c.mu.Lock()
	open := append([]net.Conn(nil), c.open...)
	c.mu.Unlock()
	for _, conn := range open {
		do(conn)
	}
}
