package login1

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// greeting bounds authentication.
	greeting = 30 * time.Second
	// writing bounds one message to a client that does not read.
	writing = 2 * time.Second
	// maxLocks is the number of inhibitors that a client may hold at a time. Kubelet holds one, or two while it takes
	// another.
	maxLocks = 16
)

var errLocks = errors.New("too many inhibitors")

// session is one client.
type session struct {
	conn *net.UnixConn
	name string // unique on this bus

	writing sync.Mutex
	serial  uint32

	// Guarded by the server's lock.
	seen
}

// seen is what init knows of a client.
type seen struct {
	watches bool      // asked for the signal
	ready   time.Time // when it can take the signal
	told    bool      // got the signal that the machine is about to stop
	spent   bool      // was told that it does not stop after all
	locked  bool      // has held an inhibitor
	locks   int       // inhibitors that it holds
	// released is when it gave back the last inhibitor, heard when it last sent anything.
	released, heard time.Time
}

// send writes one message, with a file descriptor if there is one.
func (c *session) send(m message, descriptor *os.File) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.serial++
	m.serial = c.serial
	if err := c.conn.SetWriteDeadline(time.Now().Add(writing)); err != nil {
		return err
	}
	var rights []byte
	if descriptor != nil {
		rights = unix.UnixRights(int(descriptor.Fd()))
	}
	data := m.bytes()
	sent, _, err := c.conn.WriteMsgUnix(data, rights, nil)
	if err == nil && sent < len(data) {
		err = fmt.Errorf("%d of %d bytes were sent", sent, len(data))
	}
	return err
}

// serve reads a client's messages until it is gone.
func (s *Server) serve(conn *net.UnixConn) {
	defer conn.Close()
	credentials, err := peerOf(conn)
	if err != nil || credentials.Uid != uint32(os.Geteuid()) || !s.isKnown(int(credentials.Pid)) {
		return
	}
	from := bufio.NewReader(conn)
	if err := conn.SetDeadline(time.Now().Add(greeting)); err != nil {
		return
	}
	if err := authenticate(from, conn, credentials.Uid, s.guid); err != nil {
		return
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return
	}
	client := s.add(conn)
	if client == nil {
		return
	}
	defer s.remove(client)
	for {
		m, err := readMessage(from)
		if err != nil {
			return
		}
		s.heardOf(client)
		if m.kind == kindCall && s.call(client, m) != nil {
			return
		}
	}
}

func peerOf(conn *net.UnixConn) (*unix.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var credentials *unix.Ucred
	var optErr error
	err = raw.Control(func(fd uintptr) {
		credentials, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return credentials, errors.Join(err, optErr)
}

// call carries out a call and replies.
func (s *Server) call(client *session, m message) error {
	reply, descriptor, after := s.answer(client, m)
	if descriptor != nil {
		defer descriptor.Close() // the client has its own by then
	}
	if m.flags&flagNoReply == 0 {
		reply.replySerial, reply.destination, reply.sender = m.serial, client.name, bus
		if err := client.send(reply, descriptor); err != nil {
			return err
		}
	}
	if after != nil {
		after() // what the client must not see before the reply
	}
	return nil
}

func refusal(name, why string) message {
	return message{kind: kindError, errorName: bus + ".Error." + name}.withText(why)
}

// answer returns the reply to a call, the descriptor that goes with it, and what is to follow it.
func (s *Server) answer(client *session, m message) (message, *os.File, func()) {
	done := message{kind: kindReply}
	switch m.iface + "." + m.member {
	case bus + ".Hello":
		return done.withText(client.name), nil, nil
	case bus + ".AddMatch":
		rule, err := m.texts(1)
		if err != nil {
			return refusal("InvalidArgs", err.Error()), nil, nil
		}
		return done, nil, func() { s.watch(client, matchesPrepare(rule[0])) }
	case bus + ".RemoveMatch", peer + ".Ping":
		return done, nil, nil
	case properties + ".Get":
		return s.property(m), nil, nil
	case manager + ".Inhibit":
		lock, err := s.inhibit(client, m)
		if err != nil {
			return refusal("InvalidArgs", err.Error()), nil, nil
		}
		return done.withDescriptor(), lock, nil
	case "org.freedesktop.systemd1.Manager.KillUnit":
		// What kubelet does when it wants more time than there is.
		s.tooLong()
	}
	return refusal("UnknownMethod", "there is no "+m.iface+"."+m.member), nil, nil
}

func (s *Server) property(m message) message {
	names, err := m.texts(2)
	if err != nil {
		return refusal("InvalidArgs", err.Error())
	}
	if m.path != objectPath || names[0] != manager || names[1] != delayMax {
		return refusal("UnknownProperty", "there is no "+names[0]+"."+names[1])
	}
	return message{kind: kindReply}.withUint64(uint64(Longest / time.Microsecond))
}

// inhibit returns the client's end of a pipe, which holds up the stop until the client closes it.
func (s *Server) inhibit(client *session, m message) (*os.File, error) {
	words, err := m.texts(4) // what, who, why, mode
	if err != nil {
		return nil, err
	}
	if words[0] != "shutdown" || words[3] != "delay" {
		return nil, fmt.Errorf("only a shutdown can be delayed: %q, %q", words[0], words[3])
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if !s.lock(client) {
		return nil, errors.Join(errLocks, ours.Close(), theirs.Close())
	}
	go func() {
		defer ours.Close()
		for nothing := make([]byte, 16); ; {
			if _, err := ours.Read(nothing); err != nil {
				break
			}
		}
		s.unlock(client)
	}()
	return theirs, nil
}
