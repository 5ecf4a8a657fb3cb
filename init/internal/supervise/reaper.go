package supervise

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper reaps every dead process: init's own children and all orphans. Nothing else may wait for processes, so
// children are started through it and never with os/exec.
type Reaper struct {
	mu       sync.Mutex
	children map[int]chan syscall.WaitStatus
}

// NewReaper starts reaping.
func NewReaper() *Reaper {
	r := &Reaper{children: map[int]chan syscall.WaitStatus{}}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGCHLD)
	go func() {
		for range signals {
			r.reap()
		}
	}()
	return r
}

// Start runs a program and returns its pid and the channel that receives its exit status. The lock keeps the reaper
// from collecting that status before the channel exists, and from taking the status that ForkExec waits for after a
// failed exec.
func (r *Reaper) Start(path string, argv []string, attr *syscall.ProcAttr) (int, <-chan syscall.WaitStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	ended := make(chan syscall.WaitStatus, 1)
	r.children[pid] = ended
	return pid, ended, nil
}

// Has reports whether a process was started by Start and has not been reaped. The lock makes it wait while one starts.
func (r *Reaper) Has(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.children[pid]
	return ok
}

func (r *Reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if ended, ok := r.children[pid]; ok {
			delete(r.children, pid)
			ended <- status
		}
	}
}
