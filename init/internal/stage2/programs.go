package stage2

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/shutdown"
	"kios.dev/init/internal/supervise"
	"kios.dev/init/internal/sysctl"
)

// kubeletAwaitsRuntime: kubelet's sync loop backs off for up to 5 s when the runtime does not answer its first question.
const kubeletAwaitsRuntime = true

const (
	// runtimePatience is how long kubelet's first start waits for containerd; kubelet can then wait by itself.
	runtimePatience = 30 * time.Second

	cgroupRoot = "/sys/fs/cgroup"
	cgroupOwn  = cgroupRoot + "/kios"
	notifyPath = "/run/kios/.notify"
)

// While the first pods start, the runtime and kubelet yield to containers that run already: otherwise the pod that brings up the
// network gets a sliver of the processor until the last sandbox stands. Afterwards the host weighs what it weighs elsewhere.
const (
	startWeight  = "15"
	normalWeight = "100"
	startPhase   = 30 * time.Second
)

func weigh(weight string) error { return os.WriteFile(cgroupOwn+"/cpu.weight", []byte(weight), 0) }

// prepareCgroups gives every program of the host a group beside kubelet's /kubepods. Shims have one of their own, so that what
// counts as containerd's memory is containerd's.
func prepareCgroups() error {
	for _, name := range []string{"init", "containerd", "kubelet", "shims"} {
		if err := os.MkdirAll(filepath.Join(cgroupOwn, name), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(cgroupOwn+"/init/cgroup.procs", []byte("1"), 0); err != nil {
		return err
	}
	return errors.Join(delegate(cgroupRoot), delegate(cgroupOwn), weigh(startWeight))
}

// delegate turns on every controller for a group's children.
func delegate(group string) error {
	var failed []error
	for controller := range strings.FieldsSeq(readLine(group + "/cgroup.controllers")) {
		failed = append(failed, os.WriteFile(group+"/cgroup.subtree_control", []byte("+"+controller), 0))
	}
	return errors.Join(failed...)
}

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

func (h *host) startContainerd() error {
	if err := prepareCgroups(); err != nil {
		return fault.New(fault.Cgroup, "prepare control groups", "the kernel needs cgroup v2 with the cpu, memory and pids controllers", err)
	}
	h.reaper = supervise.NewReaper()
	notify, err := supervise.OpenNotify(notifyPath)
	if err != nil {
		return fault.New(fault.HostAPI, "listen on "+notifyPath, "report this", err)
	}
	h.notify = notify
	h.runtimeReady = make(chan struct{})
	var runtimeOnce sync.Once
	h.containerd, err = h.child("containerd", -999, func() supervise.Spec {
		h.log.Info("containerd.start")
		return supervise.Spec{
			Args: []string{"/bin/containerd", "--config", "/etc/containerd/config.toml"},
			Env:  environment(),
			Started: func(pid int) {
				h.expectReady("containerd", pid, func() { runtimeOnce.Do(func() { close(h.runtimeReady) }) })
			},
			Ended: h.notify.Forget,
		}
	})
	if err != nil {
		return err
	}
	h.containerd.Run()
	return nil
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

func (h *host) startKubelet() error {
	child, err := h.child("kubelet", -998, h.kubeletSpec)
	if err != nil {
		return err
	}
	h.kubelet = child
	if kubeletAwaitsRuntime {
		h.awaitRuntime()
	}
	h.offerPods()
	h.kubelet.Run()
	time.AfterFunc(startPhase, h.endStartPhase)
	return nil
}

func (h *host) endStartPhase() {
	if err := weigh(normalWeight); err != nil {
		h.log.Warn("cgroup.weight", "cause", err)
	}
	h.applySysctls(sysctl.AfterStart())
}

func (h *host) awaitRuntime() {
	select {
	case <-h.runtimeReady:
	case <-time.After(runtimePatience):
		h.log.Warn("containerd.late", "seconds", int(runtimePatience.Seconds()))
	}
}

// kubeletState is kubelet.json.
type kubeletState struct {
	V           int     `json:"v"`
	PID         int     `json:"pid"`
	Mode        string  `json:"mode"`
	Hostname    string  `json:"hostname"`
	StartedBoot float64 `json:"startedBoot"`
	Starts      int     `json:"starts"`
}

func (h *host) kubeletSpec() supervise.Spec {
	plan := kubelet.Make(kubelet.ReadFiles(), h.defaultHostname)
	for _, f := range plan.Faults {
		h.log.Warn("kubelet.file", "file", f.File, "cause", fault.New(fault.KubeletIn, "read "+f.File, "correct the file and restart kubelet", f.Err))
	}
	if err := unix.Sethostname([]byte(plan.Hostname)); err != nil {
		h.log.Warn("hostname.failed", "cause", err)
	}
	h.log.Info("kubelet.start", "mode", plan.Mode, "hostname", plan.Hostname)
	h.kubeletStarts++
	started := func(pid int) {
		state := kubeletState{1, pid, plan.Mode, plan.Hostname, clock.Seconds(clock.Uptime()), h.kubeletStarts}
		if err := atomicfile.WriteJSON(runDir+"/kubelet.json", state); err != nil {
			h.log.Warn("kubelet.json", "cause", err)
		}
		h.expectReady("kubelet", pid, h.saveBoot)
	}
	return supervise.Spec{Args: plan.Args, Env: environment(), Started: started, Ended: h.notify.Forget}
}

func (h *host) openAPI() error {
	api, err := hostapi.Listen("/run", h.log, func(c hostapi.Command) { h.commands <- c })
	if err != nil {
		return fault.New(fault.HostAPI, "listen on the control sockets", "report this", err)
	}
	h.api = api
	return nil
}

// stop ends the machine. Every step has a deadline, and the sum of them is the longest it can take.
func (h *host) stop(action shutdown.Action) {
	const second = time.Second
	h.log.Info("shutdown.start", "action", action.String())
	shutdown.Run([]shutdown.Step{
		{Name: "kubelet", Deadline: 12 * second, Do: func() error { h.kubelet.Stop(10 * second); return nil }},
		{Name: "containers", Deadline: 12 * second, Do: func() error { return shutdown.StopContainers(cgroupRoot+"/kubepods", 10*second) }},
		{Name: "containerd", Deadline: 7 * second, Do: func() error { h.containerd.Stop(5 * second); return nil }},
		{Name: "rest", Deadline: 2 * second, Do: shutdown.KillRest},
		{Name: "sync", Deadline: 10 * second, Do: func() error { unix.Sync(); return nil }},
		{Name: "unmount", Deadline: 10 * second, Do: shutdown.Unmount},
	}, h.log)
	shutdown.End(action, h.log)
}
