package stage2

import (
	"path/filepath"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/supervise"
)

const notifyPath = "/run/kios/.notify"

// environment is the host programs' own. Nothing for Go's collector: a heap that may grow to five times what lives in it starts kubelet
// 0.1 s sooner, and costs every node 50 MiB for good.
func environment() []string {
	return []string{"PATH=/bin", "HOME=/", "TMPDIR=/tmp", "NOTIFY_SOCKET=" + notifyPath}
}

func (h *host) child(name string, oomScore int, spec func() supervise.Spec) (*supervise.Child, error) {
	output, err := h.log.Child(name)
	if err != nil {
		return nil, fault.New(fault.Start, "open the log of "+name, "check the machine's memory", err)
	}
	return &supervise.Child{
		Name: name, Spec: spec, Cgroup: filepath.Join(cgroupOwn, name), OOMScore: oomScore,
		Output: output, Log: h.log, Reaper: h.reaper,
	}, nil
}

// expectReady tells when a started child says that it serves.
func (h *host) expectReady(name string, pid int, then func()) {
	start := time.Now()
	h.phases.reached(name + ".start")
	h.notify.Expect(pid, func() {
		h.phases.reached(name + ".ready")
		h.log.Info(name+".ready", "ms", time.Since(start).Milliseconds())
		then()
	})
}
