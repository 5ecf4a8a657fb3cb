package stage2

import (
	"path/filepath"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/supervise"
)

const notifyPath = "/run/kios/.notify"

// environment returns the environment of the host's programs. It does not set GOGC: letting the heap grow to five times
// its live data starts kubelet 0.1 s sooner, but costs every node 50 MiB permanently.
func environment() []string {
	return []string{"PATH=/bin", "HOME=/", "TMPDIR=/tmp", "NOTIFY_SOCKET=" + notifyPath}
}

// child returns a supervised program with its own log and control group. A lower oomScore is killed later. seen, if it
// is not nil, gets each line of its log.
func (h *host) child(name string, oomScore int, seen func(line []byte), spec func(supervise.History) supervise.Spec) (*supervise.Child, error) {
	output, err := h.log.Child(name, seen)
	if err != nil {
		return nil, fault.New(fault.Start, "open the log of "+name, "Check the machine's memory.", err)
	}
	return &supervise.Child{
		Name: name, Spec: spec, Cgroup: filepath.Join(cgroupOwn, name), OOMScore: oomScore,
		Output: output, Log: h.log, Reaper: h.reaper,
	}, nil
}

// expectReady logs when a started child reports that it is ready, and then calls then.
func (h *host) expectReady(name string, pid int, then func()) {
	start := time.Now()
	h.phases.reached(name + ".start")
	h.notify.Expect(pid, func() {
		h.phases.reached(name + ".ready")
		h.faults.Ready(name)
		h.log.Info(name+".ready", "ms", time.Since(start).Milliseconds())
		then()
	})
}
