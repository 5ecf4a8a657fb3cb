package hostapi

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type recorder struct{ lines chan string }

func (r recorder) Info(event string, fields ...any) { r.lines <- fmt.Sprintf("%s%v", event, fields) }
func (r recorder) Warn(event string, fields ...any) { r.lines <- fmt.Sprintf("%s%v", event, fields) }
func (r recorder) Console(line []byte)              { r.lines <- "console " + string(line) }

type fixture struct {
	t        *testing.T
	dir      string
	log      recorder
	commands chan Command
	server   *Server
}

func serve(t *testing.T) *fixture {
	dir, err := os.MkdirTemp("", "kios") // t.TempDir is too long for the address of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fixture{t: t, dir: dir, log: recorder{make(chan string, 1000)}, commands: make(chan Command, 100)}
	if err := os.MkdirAll(filepath.Join(f.dir, "kios/control"), 0o755); err != nil {
		t.Fatal(err)
	}
	if f.server, err = Listen(f.dir, f.log, func(c Command) { f.commands <- c }); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) dial(path string) *net.UnixConn {
	conn, err := net.Dial("unix", filepath.Join(f.dir, path))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	return conn.(*net.UnixConn)
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestOnlyTheOwnerMayConnect(t *testing.T) {
	f := serve(t)
	for _, path := range []string{"system.sock", "kios/control/restart-kubelet.sock", "kios/control/console.sock"} {
		info, err := os.Stat(filepath.Join(f.dir, path))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestIdleClientsBlockNobodyAndHalfCloseEndsTheConnection(t *testing.T) {
	f := serve(t)
	idle := make([]*net.UnixConn, maxClients+10)
	for i := range idle {
		idle[i] = f.dial("kios/control/restart-kubelet.sock")
	}
	client := f.dial("kios/control/restart-kubelet.sock")
	client.Write([]byte{3, 4})
	client.CloseWrite()
	if got := next(t, f.commands); got != RestartKubelet {
		t.Errorf("command %v", got)
	}
	if line, want := next(t, f.log.lines), fmt.Sprintf("control.refused[socket restart-kubelet sender process %d bytes 04]", os.Getpid()); line != want {
		t.Error(line)
	}
	client.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("init must close without a reply: %d %v", n, err)
	}
}

func TestTheEventReachesOpenClientsOfTheSystemSocketOnly(t *testing.T) {
	f := serve(t)
	system, other := f.dial("system.sock"), f.dial("kios/control/shutdown.sock")
	system.Write([]byte{3}) // handled once the connection is known
	next(t, f.commands)
	f.server.Broadcast(EventShutdown)
	buffer := make([]byte, 4)
	system.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := system.Read(buffer); n != 1 || buffer[0] != 1 {
		t.Errorf("system client read %d %v %v", n, buffer, err)
	}
	other.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, _ := other.Read(buffer); n != 0 {
		t.Error("a socket without events sent one")
	}
}

func TestConsoleCutsCleansAndBoundsLinesAndNamesTheirSender(t *testing.T) {
	f := serve(t)
	client := f.dial("kios/control/console.sock")
	fmt.Fprintf(client, "plain ünïcode\r\n\n\x1b[2Jclear \xff\n%s\nafter\n", strings.Repeat("x", 3000))
	for i, want := range []string{"plain ünïcode", "\uFFFD[2Jclear \uFFFD", strings.Repeat("x", consoleLine), "after"} {
		want = fmt.Sprintf("console process %d: %s", os.Getpid(), want)
		if got := next(t, f.log.lines); got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}

func TestALineCannotPretendToBeInits(t *testing.T) {
	f := serve(t)
	client := f.dial("kios/control/console.sock")
	for _, forged := range []string{`{"agent":"init","ev":"fatal"}`, "\r{\"agent\":\"init\"}", "pod kube-system/dhcp-node: {}"} {
		fmt.Fprintln(client, forged)
		if got := next(t, f.log.lines); !strings.HasPrefix(got, fmt.Sprintf("console process %d: ", os.Getpid())) {
			t.Errorf("%q was printed as %q", forged, got)
		}
	}
}

func TestAReconnectDoesNotRenewTheRateOfTheConsole(t *testing.T) {
	f := serve(t)
	for range 5 {
		client := f.dial("kios/control/console.sock")
		for range consoleRate {
			fmt.Fprintln(client, "spam")
		}
		client.Close()
	}
	lines := 0
	for end := time.After(300 * time.Millisecond); ; {
		select {
		case <-f.log.lines:
			lines++
			continue
		case <-end:
		}
		break
	}
	// Two windows, if the test crosses the end of one, and one report of the loss.
	if lines > 2*consoleRate+1 || lines < consoleRate {
		t.Errorf("%d of %d lines were printed", lines, 5*consoleRate)
	}
}

func TestAFloodOfBytesLogsAFewLinesAndStillCommands(t *testing.T) {
	f := serve(t)
	const flood = 500
	for range flood / 100 {
		client := f.dial("kios/control/restart-kubelet.sock")
		for range 100 {
			client.Write([]byte{byte(RestartKubelet), 0x77})
			next(t, f.commands) // so that the bytes arrive one pair at a time
		}
		client.Close()
	}
	time.Sleep(100 * time.Millisecond)
	if got := len(f.log.lines); got > loggedCommands+loggedRefusals || got < 2 {
		t.Errorf("%d lines for %d commands", got, flood)
	}
}

func TestEqualCommandsThatArriveTogetherAreOne(t *testing.T) {
	f := serve(t)
	client := f.dial("system.sock")
	client.Write([]byte{3, 3, 3, 4, 4, 3})
	for _, want := range []Command{RestartKubelet, RestartRuntime, RestartKubelet} {
		if got := next(t, f.commands); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if len(f.commands) != 0 {
		t.Error("a command was repeated")
	}
}
