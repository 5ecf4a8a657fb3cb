package shutdown

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testroot"
)

// cgroup makes a group with a child group, as a pod has one, in a mount of its own.
func cgroup(t *testing.T) (group, pod string) {
	testroot.MountNamespace(t)
	root := t.TempDir()
	if err := unix.Mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
		t.Skipf("no cgroup v2 here: %v", err)
	}
	// Never an existing group: Linux 6.18 kills every process that starts in a group that was killed once.
	group, err := os.MkdirTemp(root, "kios-test-")
	if err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	pod = filepath.Join(group, "pod")
	if err := os.Mkdir(pod, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The group is busy until the last killed process is gone.
		for end := time.Now().Add(5 * time.Second); os.Remove(pod) != nil && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
		unix.Unmount(root, unix.MNT_DETACH)
	})
	return group, pod
}

func run(t *testing.T, pod, script string) *exec.Cmd {
	dir, err := os.Open(pod)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 8)) // the script writes when its trap is set
	return cmd
}

func ended(cmd *exec.Cmd) <-chan string {
	done := make(chan string, 1)
	go func() { cmd.Wait(); done <- cmd.ProcessState.String() }()
	return done
}

func TestContainersAreAskedToEndAndKilledAtTheDeadline(t *testing.T) {
	group, pod := cgroup(t)
	polite := ended(run(t, pod, `trap 'exit 7' TERM; echo ok; while :; do sleep 0.02; done`))
	stubborn := ended(run(t, pod, `trap '' TERM; echo ok; while :; do sleep 0.02; done`))
	start := time.Now()
	if err := StopContainers(group, 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 400*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if got := <-polite; got != "exit status 7" {
		t.Errorf("polite: %s", got)
	}
	if got := <-stubborn; got != "signal: killed" {
		t.Errorf("stubborn: %s", got)
	}
}

func TestStopContainersReturnsAtOnceWithoutContainers(t *testing.T) {
	start := time.Now()
	if err := StopContainers("/nonexistent", 10*time.Second); err != nil || time.Since(start) > time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
