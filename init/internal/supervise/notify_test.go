package supervise

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestReadyCountsOnlyFromTheProcessItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	n, err := OpenNotify(path, func(int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		conn, err := net.Dial("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte(text))
	}
	other, own := make(chan bool, 1), make(chan bool, 1)
	n.Expect(os.Getpid()+1, func() { other <- true })
	n.Expect(os.Getpid(), func() { own <- true })
	say("STATUS=READY=1 soon")
	say("NOTREADY=1\nSTOPPING=1")
	select {
	case <-own:
		t.Fatal("ready without saying so")
	case <-time.After(50 * time.Millisecond):
	}
	say("STATUS=up\nREADY=1\n")
	within(t, own, 5*time.Second)
	if len(other) != 0 {
		t.Error("another process was taken for ready")
	}
	say("READY=1") // early: nobody expects it yet
	deadline := time.Now().Add(5 * time.Second)
	for early := false; !early && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		n.mu.Lock()
		early = n.early[os.Getpid()]
		n.mu.Unlock()
	}
	n.Expect(os.Getpid(), func() { own <- true })
	within(t, own, 5*time.Second)
}

// A pod that reaches the socket may report from any number of processes. A child may be ready before init expects it.
func TestTheReportOfAChildIsKeptHoweverManyOthersReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	n, err := OpenNotify(path, reaper().Has)
	if err != nil {
		t.Fatal(err)
	}
	run := func(behaviour string, argv ...string) (int, <-chan syscall.WaitStatus) {
		t.Helper()
		program, err := exec.LookPath(argv[0])
		if err != nil {
			t.Fatal(err)
		}
		env := append(os.Environ(), "KIOS_TEST_CHILD="+behaviour, "NOTIFY_SOCKET="+path)
		pid, ended, err := reaper().Start(program, argv, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		return pid, ended
	}
	_, ended := run("report", "sh", "-c", `i=0; while [ $i -lt 70 ]; do "$0" || exit; i=$((i+1)); done; true`, os.Args[0])
	if status := within(t, ended, time.Minute); status != 0 {
		t.Fatalf("the others could not report: %v", status)
	}
	child, ended := run("report-and-sleep", os.Args[0])
	defer func() { syscall.Kill(child, syscall.SIGKILL); <-ended }()
	kept := func() (own bool, all int) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.early[child], len(n.early)
	}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if own, _ := kept(); own {
			break
		}
	}
	if own, all := kept(); !own || all != 1 {
		t.Errorf("%d reports are kept, the child's: %v", all, own)
	}
	own := make(chan bool, 1)
	n.Expect(child, func() { own <- true })
	within(t, own, 5*time.Second)
}

func TestPingsCountOnlyFromAWatchedProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	n, err := OpenNotify(path, func(int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(text string) {
		t.Helper()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	ready, pings, others := make(chan bool, 9), make(chan bool, 9), make(chan bool, 9)
	n.Watch(os.Getpid()+1, func() { others <- true })
	say("WATCHDOG=1") // nobody watches it yet
	n.Expect(os.Getpid(), func() { ready <- true })
	say("READY=1")
	within(t, ready, 5*time.Second)
	n.Watch(os.Getpid(), func() { pings <- true })
	say("WATCHDOG=trigger\nSTATUS=WATCHDOG=1")
	say("STATUS=up\nWATCHDOG=1\n")
	say("WATCHDOG=1")
	within(t, pings, 5*time.Second)
	within(t, pings, 5*time.Second)
	n.Forget(os.Getpid())
	say("WATCHDOG=1")
	n.Expect(os.Getpid(), func() { ready <- true })
	say("READY=1")
	within(t, ready, 5*time.Second)
	if len(pings) != 0 || len(others) != 0 {
		t.Errorf("%d pings too many, %d of another process", len(pings), len(others))
	}
}
