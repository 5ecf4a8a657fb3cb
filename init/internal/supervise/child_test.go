package supervise

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary is also the child, whose behaviour KIOS_TEST_CHILD names.
func TestMain(m *testing.M) {
	switch os.Getenv("KIOS_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "fail":
		os.Exit(3)
	case "report":
		report()
	case "report-and-sleep":
		report()
		time.Sleep(time.Hour)
	case "sleep":
		time.Sleep(time.Hour)
	}
}

// report does what sd_notify(3) does.
func report() {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err == nil {
		_, err = conn.Write([]byte("READY=1"))
	}
	if err != nil {
		os.Exit(4)
	}
}

type events struct{ lines chan string }

func (e events) Info(event string, fields ...any)  { e.lines <- fmt.Sprintf("%s%v", event, fields) }
func (e events) Warn(event string, fields ...any)  { e.lines <- fmt.Sprintf("%s%v", event, fields) }
func (e events) Error(event string, fields ...any) { e.lines <- fmt.Sprintf("%s%v", event, fields) }

var reaper = sync.OnceValue(NewReaper)

type run struct {
	*Child
	pids   chan int
	events events
}

// start supervises a child; path "" is the test binary itself.
func start(t *testing.T, path, behaviour string) run {
	if path == "" {
		path, _ = os.Executable()
	}
	r := run{pids: make(chan int, 100), events: events{make(chan string, 100)}}
	r.Child = &Child{Name: "child", Output: os.Stderr, Log: r.events, Reaper: reaper(), Spec: func(History) Spec {
		return Spec{
			Args: []string{path}, Env: []string{"KIOS_TEST_CHILD=" + behaviour},
			Started: func(pid int) { r.pids <- pid }, Ended: func(int) {},
		}
	}}
	r.Run()
	t.Cleanup(func() { r.Stop(time.Second) })
	return r
}

func within[T any](t *testing.T, from <-chan T, limit time.Duration) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(limit):
		t.Fatalf("nothing came within %v", limit)
		panic("unreachable")
	}
}

func TestAKilledChildComesBackWithinThreeSeconds(t *testing.T) {
	r := start(t, "", "sleep")
	first := within(t, r.pids, 5*time.Second)
	process, _ := os.FindProcess(first)
	process.Kill()
	if second := within(t, r.pids, 3*time.Second); second == first {
		t.Error("same pid")
	}
	if line := within(t, r.events.lines, time.Second); line != "child.exit[child child code -1 signal SIGKILL backoffMs 1000]" {
		t.Error(line)
	}
}

func TestAFailingChildBacksOff(t *testing.T) {
	r := start(t, "", "fail")
	within(t, r.pids, 5*time.Second)
	if line := within(t, r.events.lines, 5*time.Second); line != "child.exit[child child code 3 signal  backoffMs 1000]" {
		t.Error(line)
	}
	within(t, r.pids, 3*time.Second)
	if line := within(t, r.events.lines, 5*time.Second); !strings.HasSuffix(line, "backoffMs 2000]") {
		t.Error(line)
	}
}

func TestARequestDuringTheWaitBeginsAnewCount(t *testing.T) {
	histories := make(chan History, 100)
	r := run{events: events{make(chan string, 100)}}
	r.Child = &Child{Name: "child", Output: os.Stderr, Log: r.events, Reaper: reaper(), Spec: func(h History) Spec {
		histories <- h
		path, _ := os.Executable()
		return Spec{Args: []string{path}, Env: []string{"KIOS_TEST_CHILD=fail"}, Started: func(int) {}, Ended: func(int) {}}
	}}
	r.Run()
	t.Cleanup(func() { r.Stop(time.Second) })
	for i := range 3 {
		if h := within(t, histories, 5*time.Second); h.EarlyEnds != i || h.Served {
			t.Errorf("start %d: %+v", i, h)
		}
		within(t, r.events.lines, 5*time.Second) // its end
	}
	r.Restart()
	if h := within(t, histories, time.Second); h != (History{Served: true}) {
		t.Errorf("after the request: %+v", h)
	}
}

func TestAMissingProgramIsReportedAndBacksOff(t *testing.T) {
	r := start(t, "/nonexistent", "")
	if line := within(t, r.events.lines, 5*time.Second); !strings.Contains(line, "no such file") {
		t.Error(line)
	}
	if line := within(t, r.events.lines, time.Second); !strings.HasSuffix(line, "backoffMs 1000]") {
		t.Error(line)
	}
}

func TestARequestedRestartIsImmediateAndEarlierRequestsFold(t *testing.T) {
	r := start(t, "", "sleep")
	within(t, r.pids, 5*time.Second)
	for range 20 {
		r.Restart()
	}
	within(t, r.pids, 2*time.Second)
	if line := within(t, r.events.lines, time.Second); !strings.HasSuffix(line, "signal SIGTERM backoffMs 0]") {
		t.Error(line)
	}
	select {
	case <-r.pids:
		// At most one more, for a request that arrived after the second start.
		select {
		case <-r.pids:
			t.Error("twenty requests made three restarts")
		case <-time.After(1500 * time.Millisecond):
		}
	case <-time.After(1500 * time.Millisecond):
	}
}

func TestStopEndsTheChildForGood(t *testing.T) {
	r := start(t, "", "sleep")
	pid := within(t, r.pids, 5*time.Second)
	r.Stop(5 * time.Second)
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/comm", pid), nil, 0); !os.IsNotExist(err) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}

func TestARetiredChildIsNotStartedAgainWhateverEndsIt(t *testing.T) {
	r := start(t, "", "sleep")
	pid := within(t, r.pids, 5*time.Second)
	r.Retire()
	r.Restart() // of no effect any more
	process, _ := os.FindProcess(pid)
	process.Kill()
	if line := within(t, r.events.lines, 5*time.Second); !strings.Contains(line, "SIGKILL") {
		t.Error(line)
	}
	select {
	case <-r.stopped:
	case <-r.pids:
		t.Error("it was started again")
	case <-time.After(5 * time.Second):
		t.Error("nothing ended its supervision")
	}
	r.Stop(time.Second)
}
