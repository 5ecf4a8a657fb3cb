package stage2

import (
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/supervise"
)

// runtimePatience is how long a start of kubelet waits for containerd: the first, and one with another proxy. Kubelet
// can wait by itself, but its sync loop backs off for up to 5 s when the runtime does not answer its first request.
const runtimePatience = 30 * time.Second

func (h *host) startKubelet() error {
	if err := h.openLogin1(); err != nil {
		return err
	}
	pods := h.followPods()
	child, err := h.child("kubelet", -998, h.seenBy("kubelet", func(line []byte) { pods(line); h.grace.line(line) }), h.kubeletSpec)
	if err != nil {
		return err
	}
	h.kubelet = child
	h.awaitRuntime()
	h.offerPods()
	h.kubelet.Run()
	time.AfterFunc(startPhase, h.endStartPhase)
	return nil
}

// forgetCheckpoints lets another version of kubelet start, an older or a newer one. The size of its program tells
// builds of one version from each other.
func (h *host) forgetCheckpoints() {
	if h.data != "partition" {
		return
	}
	version := h.release.Version + " " + h.release.BuildTime.Format(time.RFC3339)
	if info, err := os.Stat("/bin/kubelet"); err == nil {
		version += fmt.Sprintf(" %d", info.Size())
	}
	forgot, err := kubelet.ForgetCheckpoints("/var/lib/kubelet", metaDir+"/kubelet", version)
	if err != nil {
		h.log.Warn("kubelet.checkpoints", "cause", err)
	} else if forgot {
		h.log.Info("kubelet.checkpoints", "note", "another version of kubelet ran last: it gives out resources anew")
	}
}

func (h *host) awaitRuntime() {
	select {
	case <-h.runtimeReady:
	case <-time.After(runtimePatience):
		h.log.Warn("containerd.late", "seconds", int(runtimePatience.Seconds()))
	}
}

// kubeletState is the content of kubelet.json.
type kubeletState struct {
	V           int     `json:"v"`
	PID         int     `json:"pid"`
	Mode        string  `json:"mode"`
	Hostname    string  `json:"hostname"`
	StartedBoot float64 `json:"startedBoot"`
	Starts      int     `json:"starts"`
	// EarlyEnds is how often in a row kubelet ended by itself before this start.
	EarlyEnds      int  `json:"earlyEnds,omitempty"`
	DropInsIgnored bool `json:"dropInsIgnored,omitempty"`
}

// kubeletSpec reads kubelet's files and returns the start that follows from them.
func (h *host) kubeletSpec(history supervise.History) supervise.Spec {
	h.applyOperatorSysctls(sysctlSources)
	h.writeReservations()
	files := kubelet.ReadFiles("/etc")
	files.OwnDropInsOnly = h.setAsideDropIns(history)
	plan := kubelet.Make(files, h.ownName)
	h.proxy.follow(plan.Proxy, func() {
		h.log.Info("containerd.proxy", "words", len(plan.Proxy))
		h.containerd.Restart()
	}, h.stopping.Load, runtimePatience)
	for _, f := range plan.Faults {
		h.log.Warn("kubelet.file", "file", f.File, "cause", fault.New(fault.KubeletIn, "read "+f.File, "Correct the file and restart kubelet.", f.Err))
	}
	name := plan.Name.Host
	if err := unix.Sethostname([]byte(name)); err != nil {
		h.log.Warn("hostname.failed", "cause", err)
	}
	h.publish(plan.Name)
	h.serveAs(name)
	h.log.Info("kubelet.start", "mode", plan.Mode, "hostname", name)
	h.faults.Starting("kubelet", history.EarlyEnds, time.Now())
	h.kubeletStarts++
	started := func(pid int) {
		state := kubeletState{1, pid, plan.Mode, name, clock.Seconds(clock.Uptime()), h.kubeletStarts, history.EarlyEnds, files.OwnDropInsOnly}
		if err := atomicfile.WriteJSON(runDir+"/kubelet.json", state); err != nil {
			h.log.Warn("kubelet.json", "cause", err)
		}
		if plan.Mode == "cluster" {
			h.recordMachine()
		}
		h.expectReady("kubelet", pid, h.saveBoot)
		h.watchKubelet(pid)
	}
	return supervise.Spec{Args: plan.Args, Env: slices.Concat(h.kubeletEnvironment(), plan.Proxy), Started: started, Ended: h.forget("kubelet")}
}

// setAsideDropIns reports whether kubelet is to start without the drop-ins of others, because it keeps ending with
// them.
func (h *host) setAsideDropIns(history supervise.History) bool {
	if !kubelet.IsStuck(history.EarlyEnds, history.Served) {
		return false
	}
	there, err := kubelet.SetAsideDropIns("/")
	if err != nil {
		h.log.Warn("kubelet.drop-ins", "cause", err)
	}
	if there {
		h.log.Error("kubelet.drop-ins", "cause", fault.New(fault.KubeletConfig, "run kubelet with the drop-ins in "+kubelet.Dir+"/kubelet.conf.d",
			"Correct kubelet.config in the bootstrap document; kubelet's log names the field. Until it is restarted it runs without the drop-ins.",
			fmt.Errorf("it ended early %d times in a row", history.EarlyEnds)))
	}
	return there
}
