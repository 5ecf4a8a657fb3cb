package shutdown

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// StopContainers sends SIGTERM to every process below a cgroup, and kills those that remain after limit.
func StopContainers(cgroup string, limit time.Duration) error {
	signalled := map[int]bool{}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		pids := processes(cgroup)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if !signalled[pid] { // also reaches processes that were forked meanwhile
				signalled[pid] = true
				unix.Kill(pid, unix.SIGTERM)
			}
		}
	}
	return os.WriteFile(filepath.Join(cgroup, "cgroup.kill"), []byte("1"), 0)
}

// processes returns the processes below a cgroup except shims, which end by themselves and report to containerd.
func processes(cgroup string) []int {
	var pids []int
	filepath.WalkDir(cgroup, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		text, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 1 && !isShim(word) {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

func isShim(pid string) bool {
	name, _ := os.ReadFile("/proc/" + pid + "/comm")
	return strings.HasPrefix(string(name), "containerd-shim")
}

// KillRest kills every process except init itself.
func KillRest() error {
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	time.Sleep(20 * time.Millisecond) // lets them close their files
	return nil
}
