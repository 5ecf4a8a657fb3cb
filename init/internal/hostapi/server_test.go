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
	if line := next(t, f.log.lines); line != "control.refused[socket restart-kubelet bytes 04]" {
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

func TestConsoleCutsCleansAndBoundsLines(t *testing.T) {
	f := serve(t)
	client := f.dial("kios/control/console.sock")
	fmt.Fprintf(client, "plain ünïcode\r\n\n\x1b[2Jclear \xff\n%s\nafter\n", strings.Repeat("x", 3000))
	for i, want := range []string{"console plain ünïcode", "console \uFFFD[2Jclear \uFFFD", "console " + strings.Repeat("x", consoleLine), "console after"} {
		if got := next(t, f.log.lines); got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}

func TestRateLetsTwentyLinesASecondThroughAndCountsTheRest(t *testing.T) {
	var r rate
	now := time.Unix(100, 0)
	passed := 0
	for range 50 {
		if ok, _ := r.allow(now); ok {
			passed++
		}
	}
	if passed != consoleRate {
		t.Errorf("%d lines passed", passed)
	}
	if ok, lost := r.allow(now.Add(time.Second)); !ok || lost != 30 {
		t.Errorf("a second later: %v, %d lost", ok, lost)
	}
}
