package login1

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 10 * time.Second

// client speaks to a server as godbus does.
type client struct {
	t      *testing.T
	conn   *net.UnixConn
	from   *bufio.Reader
	serial uint32
	rights []byte // of the last read
}

func (c *client) Read(into []byte) (int, error) {
	oob := make([]byte, 64)
	n, oobn, _, _, err := c.conn.ReadMsgUnix(into, oob)
	c.rights = append(c.rights, oob[:oobn]...)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

type testBus struct {
	*Server
	path    string
	tooLong chan struct{}
}

func serve(t *testing.T) testBus {
	b := testBus{path: filepath.Join(t.TempDir(), "bus"), tooLong: make(chan struct{}, 1)}
	server, err := Listen(b.path, func(pid int) bool { return pid == os.Getpid() }, func() { b.tooLong <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	server.registering = 20 * time.Millisecond
	b.Server = server
	return b
}

func dial(t *testing.T, path string) *client {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c := &client{t: t, conn: conn}
	c.from = bufio.NewReader(c)
	return c
}

// greet authenticates in the words of godbus 5.2.
func (c *client) greet() {
	c.t.Helper()
	for _, step := range []struct{ say, want string }{
		{"\x00AUTH\r\n", "REJECTED EXTERNAL"}, {"AUTH EXTERNAL\r\n", "DATA"}, {"DATA\r\n", "OK "},
		{"NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD"}, {"BEGIN\r\n", ""},
	} {
		io.WriteString(c.conn, step.say)
		if step.want == "" {
			break
		}
		line, err := c.from.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, step.want) {
			c.t.Fatalf("%q: %q %v", step.say, line, err)
		}
	}
	if reply := c.ask(message{path: "/org/freedesktop/DBus", iface: bus, member: "Hello"}); reply.signatures != "s" {
		c.t.Fatalf("Hello: %+v", reply)
	}
}

func (c *client) read() message {
	c.t.Helper()
	m, err := readMessage(c.from)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *client) write(m message) {
	c.serial++
	m.serial = c.serial
	c.conn.Write(m.bytes())
}

func (c *client) ask(m message) message {
	c.t.Helper()
	m.kind = kindCall
	c.write(m)
	reply := c.read()
	if reply.replySerial != c.serial {
		c.t.Fatalf("a reply to %d in the place of %d: %+v", reply.replySerial, c.serial, reply)
	}
	return reply
}

func words(words ...string) message {
	var w writer
	for _, word := range words {
		w.text(word)
	}
	return message{signatures: strings.Repeat("s", len(words)), body: w.bytes}
}

func (c *client) call(iface, member string, arguments ...string) message {
	c.t.Helper()
	m := words(arguments...)
	m.path, m.iface, m.member = objectPath, iface, member
	return c.ask(m)
}

const rule = "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown',path='/org/freedesktop/login1'"

// takePart takes an inhibitor and asks for the signal, as kubelet does. It returns the inhibitor.
func (c *client) takePart() *os.File {
	c.t.Helper()
	c.greet()
	lock := c.inhibit()
	if reply := c.call(bus, "AddMatch", rule); reply.kind != kindReply {
		c.t.Fatalf("AddMatch: %+v", reply)
	}
	return lock
}

func (c *client) inhibit() *os.File {
	c.t.Helper()
	c.rights = nil
	reply := c.call(manager, "Inhibit", "shutdown", "kubelet", "it needs time", "delay")
	if reply.kind != kindReply || reply.signatures != "h" || reply.fds != 1 {
		c.t.Fatalf("Inhibit: %+v", reply)
	}
	messages, err := unix.ParseSocketControlMessage(c.rights)
	if err != nil || len(messages) != 1 {
		c.t.Fatalf("%d descriptors, %v", len(messages), err)
	}
	descriptors, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		c.t.Fatal(err)
	}
	return os.NewFile(uintptr(descriptors[0]), "inhibitor")
}

// signalled returns whether the next message says that the machine is about to stop. It passes over pings.
func (c *client) signalled() bool {
	c.t.Helper()
	m := c.read()
	for m.member == "Ping" {
		m = c.read()
	}
	if m.kind != kindSignal || m.member != prepare || m.iface != manager || m.path != objectPath || m.signatures != "b" {
		c.t.Fatalf("%+v", m)
	}
	return m.order.Uint32(m.body) == 1
}

func (b testBus) await() <-chan Outcome {
	outcome := make(chan Outcome, 1)
	go func() { outcome <- b.Await(patience, nil) }()
	return outcome
}

func TestTheInhibitorHoldsUpTheStopUntilItIsClosed(t *testing.T) {
	b := serve(t)
	kubelet := dial(t, b.path)
	lock := kubelet.takePart()
	b.Prepare()
	outcome := b.await()
	if !kubelet.signalled() {
		t.Error("the signal says false")
	}
	select {
	case early := <-outcome:
		t.Fatalf("%s while the inhibitor is held", early)
	case <-time.After(2 * settling):
	}
	lock.Close()
	if got := <-outcome; got != Done {
		t.Error(got)
	}
}

func TestTheDelayIsReadAsAProperty(t *testing.T) {
	kubelet := dial(t, serve(t).path)
	kubelet.greet()
	reply := kubelet.call(properties, "Get", manager, delayMax)
	if reply.signatures != "v" || len(reply.body) != 16 || string(reply.body[:3]) != "\x01t\x00" {
		t.Fatalf("%+v", reply)
	}
	if got := binary.LittleEndian.Uint64(reply.body[8:]); time.Duration(got)*time.Microsecond != Longest {
		t.Error(got)
	}
	if other := kubelet.call(properties, "Get", manager, "IdleHint"); other.kind != kindError {
		t.Errorf("%+v", other)
	}
}

// secondKubeletEndsThePods has another kubelet take part in a shutdown that is awaited: it is told, and waited for.
func secondKubeletEndsThePods(t *testing.T, b testBus, outcome <-chan Outcome) {
	t.Helper()
	second := dial(t, b.path)
	lock := second.takePart()
	if !second.signalled() {
		t.Error("the signal says false")
	}
	select {
	case early := <-outcome:
		t.Fatalf("%s while the second kubelet ends the pods", early)
	default:
	}
	lock.Close()
	if got := <-outcome; got != Done {
		t.Error(got)
	}
}

func TestAWithdrawnShutdownIsToldOnceAndNoOtherToTheSameKubelet(t *testing.T) {
	b := serve(t)
	first := dial(t, b.path)
	lock := first.takePart()
	for i, act := range []func(){b.Prepare, b.Withdraw} {
		act()
		act()
		if got, want := first.signalled(), i == 0; got != want {
			t.Errorf("signal %d says %v", i, got)
		}
	}
	lock.Close() // as kubelet does when it has taken another
	b.Prepare()
	outcome := b.await()
	if reply := first.call(peer, "Ping"); reply.kind != kindReply {
		t.Errorf("one signal too many: %+v", reply)
	}
	secondKubeletEndsThePods(t, b, outcome)
}

func TestAShutdownThatKubeletCannotTakeYetIsNotTold(t *testing.T) {
	b := serve(t)
	b.registering = time.Hour
	kubelet := dial(t, b.path)
	defer kubelet.takePart().Close()
	kubelet.call(peer, "Ping") // the server has noted before its reply who wants the signal
	b.Prepare()
	b.Withdraw()
	for _, client := range b.all() { // the hour is over
		b.update(func() { client.ready = time.Now() })
		b.tell(client)
	}
	if reply := kubelet.call(peer, "Ping"); reply.kind != kindReply {
		t.Errorf("a signal: %+v", reply)
	}
}

func TestAKubeletThatStartsWhileTheMachineStopsIsTold(t *testing.T) {
	b := serve(t)
	first := dial(t, b.path)
	lock := first.takePart()
	b.Prepare()
	outcome := b.await()
	first.signalled()
	first.conn.Close() // it was killed: its inhibitor closes with its connection
	lock.Close()
	secondKubeletEndsThePods(t, b, outcome)
}

func TestWithoutAKubeletThereIsNothingToWaitFor(t *testing.T) {
	b := serve(t)
	b.Prepare()
	if got := <-b.await(); got != Absent {
		t.Error(got)
	}
}

func TestTheWaitEndsAtItsLimitAndWhenItIsCutShort(t *testing.T) {
	b := serve(t)
	kubelet := dial(t, b.path)
	defer kubelet.takePart().Close()
	b.Prepare()
	if got := b.Await(50*time.Millisecond, nil); got != Deadline {
		t.Error(got)
	}
	cut := make(chan struct{})
	close(cut)
	if got := b.Await(patience, cut); got != Cut {
		t.Error(got)
	}
}

func TestAKubeletThatWantsMoreTimeIsReported(t *testing.T) {
	b := serve(t)
	kubelet := dial(t, b.path)
	kubelet.greet()
	if reply := kubelet.call("org.freedesktop.systemd1.Manager", "KillUnit", "systemd-logind.service"); reply.kind != kindError {
		t.Errorf("%+v", reply)
	}
	select {
	case <-b.tooLong:
	case <-time.After(patience):
		t.Error("not reported")
	}
}

func TestOtherCallsAndOtherInhibitorsAreRefused(t *testing.T) {
	kubelet := dial(t, serve(t).path)
	kubelet.greet()
	for _, c := range [][]string{
		{manager, "PowerOff"}, {manager, "Inhibit", "sleep", "a", "b", "delay"}, {manager, "Inhibit", "shutdown", "a", "b", "block"},
		{manager, "Inhibit", "shutdown"}, {bus, "RequestName", "a"}, {"", ""}, {properties, "Get", "a"}, {bus, "AddMatch"},
	} {
		if reply := kubelet.call(c[0], c[1], c[2:]...); reply.kind != kindError {
			t.Errorf("%q: %+v", c, reply)
		}
	}
	if reply := kubelet.call(peer, "Ping"); reply.kind != kindReply {
		t.Errorf("%+v", reply)
	}
}

func TestAClientHoldsAFewInhibitorsAtMost(t *testing.T) {
	kubelet := dial(t, serve(t).path)
	kubelet.greet()
	for range maxLocks {
		defer kubelet.inhibit().Close()
	}
	if reply := kubelet.call(manager, "Inhibit", "shutdown", "a", "b", "delay"); reply.kind != kindError {
		t.Errorf("%+v", reply)
	}
}

func TestOnlyKnownProcessesAreServed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	if _, err := Listen(path, func(int) bool { return false }, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	stranger := dial(t, path)
	io.WriteString(stranger.conn, "\x00AUTH\r\n")
	if line, err := stranger.from.ReadString('\n'); err == nil {
		t.Errorf("it got %q", line)
	}
}

func TestJudge(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const s = time.Second
	part := seen{watches: true, told: true, locked: true, locks: 1, heard: now}
	with := func(change func(*seen)) seen { c := part; change(&c); return c }
	for _, c := range []struct {
		name        string
		since, left time.Time
		clients     []seen
		want        Outcome
		again       time.Duration
	}{
		{"an inhibitor is held", ago(60 * s), time.Time{}, []seen{part}, "", silence},
		{"it was just closed", ago(9 * s), time.Time{}, []seen{with(func(c *seen) { c.locks, c.released = 0, now })}, "", settling},
		{"it is closed", ago(9 * s), time.Time{}, []seen{with(func(c *seen) { c.locks, c.released = 0, ago(s) })}, Done, 0},
		{"kubelet is about to be told", ago(0), time.Time{}, []seen{with(func(c *seen) { c.told = false })}, "", silence},
		{"kubelet ended and may come back", ago(60 * s), ago(10 * s), nil, "", 20 * s},
		{"kubelet does not come back", ago(60 * s), ago(comeback), nil, Absent, 0},
		{"kubelet had ended before", ago(5 * s), ago(600 * s), nil, Absent, 0},
		{"kubelet never took part", ago(s), time.Time{}, nil, Absent, 0},
		{"kubelet does not reply", ago(60 * s), time.Time{}, []seen{with(func(c *seen) { c.heard = ago(silence) })}, Hung, 0},
		{"nobody asked it yet", ago(2 * s), time.Time{}, []seen{with(func(c *seen) { c.heard = ago(600 * s) })}, "", 18 * s},
		{"it connects and has no inhibitor yet", ago(9 * s), time.Time{}, []seen{{heard: ago(s)}}, "", 19 * s},
	} {
		if got, again := judge(now, c.since, c.left, c.clients); got != c.want || again != c.again {
			t.Errorf("%s: %q, again in %v", c.name, got, again)
		}
	}
}

func TestRules(t *testing.T) {
	for rule, want := range map[string]bool{
		rule: true, "": true, "type='signal'": true, "type=signal, sender=org.freedesktop.login1": true,
		"member='PrepareForSleep'": false, "type='signal',arg0='x'": false, "type": false, "member='PrepareForShutdown,x'": false,
		"type='sig'nal": true,
	} {
		if matchesPrepare(rule) != want {
			t.Errorf("%q: %v", rule, !want)
		}
	}
}

func TestAuthentication(t *testing.T) {
	for said, want := range map[string]string{
		"\x00AUTH EXTERNAL 3432\r\nBEGIN\r\n":              "OK id\r\n",
		"\x00AUTH EXTERNAL\r\nDATA 3432\r\nBEGIN\r\n":      "DATA\r\nOK id\r\n",
		"\x00AUTH EXTERNAL 30\r\n":                         "REJECTED EXTERNAL\r\n",
		"\x00AUTH EXTERNAL x\r\n":                          "REJECTED EXTERNAL\r\n",
		"\x00AUTH ANONYMOUS\r\nCANCEL\r\n":                 "REJECTED EXTERNAL\r\nREJECTED EXTERNAL\r\n",
		"\x00BEGIN\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\n":       "ERROR\r\nERROR\r\nERROR\r\n",
		"\x00AUTH EXTERNAL\r\nCANCEL\r\nDATA\r\nBEGIN\r\n": "DATA\r\nREJECTED EXTERNAL\r\nERROR\r\nERROR\r\n",
		"AUTH\r\n":                            "",
		"\x00" + strings.Repeat("a", maxLine): "",
		"":                                    "",
	} {
		var replies bytes.Buffer
		err := authenticate(bufio.NewReader(strings.NewReader(said)), &replies, 42, "id")
		if replies.String() != want || (err == nil) != strings.HasSuffix(want, "OK id\r\n") {
			t.Errorf("%q: %q, %v", said, replies.String(), err)
		}
	}
	endless := "\x00" + strings.Repeat("DATA\r\n", 10*maxLines)
	if err := authenticate(bufio.NewReader(strings.NewReader(endless)), io.Discard, 0, ""); !errors.Is(err, errAuth) {
		t.Error(err)
	}
}
