package stage2

import (
	"slices"
	"sync"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/staticpods"
	"kios.dev/init/internal/supervise"
	"kios.dev/init/internal/watchdog"
)

// containerdArgs is how containerd is started; packages/host-api/vectors/programs.json holds the same words.
var containerdArgs = []string{"/bin/containerd", "--config", "/lib/kios/containerd.toml"}

func (h *host) startContainerd() error {
	if err := prepareCgroups(); err != nil {
		return fault.New(fault.Cgroup, "prepare control groups", "Use a kernel with cgroup v2 and the cpu, memory and pids controllers.", err)
	}
	notify, err := supervise.OpenNotify(notifyPath, h.reaper.Has)
	if err != nil {
		return fault.New(fault.HostAPI, "listen on "+notifyPath, "Report this.", err)
	}
	h.notify = notify
	h.runtimeReady = make(chan struct{})
	var runtimeOnce sync.Once
	h.containerd, err = h.child("containerd", -999, h.seenBy("containerd", nil), func(history supervise.History) supervise.Spec {
		h.log.Info("containerd.start")
		h.faults.Starting("containerd", history.EarlyEnds, time.Now())
		return supervise.Spec{
			Args: containerdArgs,
			Env:  slices.Concat(environment(), h.proxy.starts(kubelet.ReadProxy("/etc"))),
			Started: func(pid int) {
				h.life.monitor.Started(watchdog.Containerd, time.Now())
				h.expectReady("containerd", pid, func() {
					h.proxy.serves()
					runtimeOnce.Do(func() { close(h.runtimeReady) })
				})
			},
			Ended: h.forget("containerd"),
		}
	})
	if err != nil {
		return err
	}
	h.kubeletSwitch.older = staticpods.Containers(containerRecords)
	h.containerd.Run()
	return nil
}
