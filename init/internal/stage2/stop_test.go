package stage2

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/hostapi"
)

// inTheChild is set in the process that gets the signals.
const inTheChild = "KIOS_TEST_SIGNALS"

// `kill -HUP 1` from a pod with the host's processes made the kernel panic.
func TestNoSignalThatPeopleSendEndsInit(t *testing.T) {
	if os.Getenv(inTheChild) != "" {
		commands := shutdownSignals()
		for _, s := range []unix.Signal{unix.SIGHUP, unix.SIGQUIT, unix.SIGABRT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGWINCH, unix.SIGTERM} {
			if err := unix.Kill(os.Getpid(), s); err != nil {
				t.Fatal(err)
			}
		}
		if command := <-commands; command != hostapi.Reboot {
			t.Errorf("%v", command)
		}
		status, err := exec.Command("cat", "/proc/self/status").Output()
		if err != nil || !strings.Contains(string(status), "SigIgn:\t0000000000000000\n") {
			t.Errorf("a child ignores signals: %v %s", err, status)
		}
		time.Sleep(100 * time.Millisecond) // another thread may take a signal later
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestNoSignalThatPeopleSendEndsInit$", "-test.v")
	child.Env = append(os.Environ(), inTheChild+"=1")
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v: %s", err, out)
	}
}
