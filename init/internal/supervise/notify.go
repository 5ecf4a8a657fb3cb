package supervise

import (
	"errors"
	"net"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Notify is the socket on which containerd and kubelet report READY=1, and kubelet WATCHDOG=1 while its checks pass, as
// they do to systemd (sd_notify(3)).
type Notify struct {
	isChild  func(pid int) bool
	mu       sync.Mutex
	expected map[int]func()
	early    map[int]bool // children that reported READY=1 before Expect
	pings    map[int]func()
}

// OpenNotify creates the socket and listens. Any process of root may write to it, and only those that isChild knows are
// heard.
func OpenNotify(path string, isChild func(pid int) bool) (*Notify, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) { optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	if err := errors.Join(err, optErr); err != nil {
		conn.Close()
		return nil, err
	}
	n := &Notify{isChild: isChild, expected: map[int]func(){}, early: map[int]bool{}, pings: map[int]func(){}}
	go n.listen(conn)
	return n, nil
}

// Expect calls ready once, when the process with this pid reports READY=1. The kernel guarantees the sender's pid.
func (n *Notify) Expect(pid int, ready func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.early[pid] {
		delete(n.early, pid)
		go ready()
		return
	}
	n.expected[pid] = ready
}

// Watch calls ping each time the process with this pid reports WATCHDOG=1. It must return at once.
func (n *Notify) Watch(pid int, ping func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pings[pid] = ping
}

// Forget discards the state of a dead process, because its pid may be used again.
func (n *Notify) Forget(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.expected, pid)
	delete(n.early, pid)
	delete(n.pings, pid)
}

func (n *Notify) listen(conn *net.UnixConn) {
	message, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		length, oob, _, _, err := conn.ReadMsgUnix(message, control)
		if err != nil {
			return
		}
		ready, ping := parse(string(message[:length]))
		pid := sender(control[:oob])
		if !ready && !ping || pid <= 0 || !n.isChild(pid) {
			continue
		}
		if ready {
			n.mark(pid)
		}
		if ping {
			n.ping(pid)
		}
	}
}

func (n *Notify) ping(pid int) {
	n.mu.Lock()
	ping := n.pings[pid]
	n.mu.Unlock()
	if ping != nil {
		ping()
	}
}

func (n *Notify) mark(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ready, ok := n.expected[pid]; ok {
		delete(n.expected, pid)
		go ready()
	} else {
		n.early[pid] = true
	}
}

// parse returns which of the reports that count are in a message.
func parse(message string) (ready, ping bool) {
	for line := range strings.SplitSeq(message, "\n") {
		ready = ready || line == "READY=1"
		ping = ping || line == "WATCHDOG=1"
	}
	return ready, ping
}

func sender(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for i := range messages {
		if credentials, err := unix.ParseUnixCredentials(&messages[i]); err == nil && credentials.Uid == 0 {
			return int(credentials.Pid)
		}
	}
	return 0
}
