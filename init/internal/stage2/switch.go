package stage2

import (
	"slices"
	"time"

	"kios.dev/init/internal/staticpods"
)

const (
	// containerRecords is where containerd keeps what it knows of the containers of pods.
	containerRecords = "/var/lib/containerd/io.containerd.grpc.v1.cri/containers"
	// startsPatience is how long a restart of kubelet waits for starts of pods: a pod that cannot start must not keep a
	// node out of its cluster.
	startsPatience = 20 * time.Second
	// startsPace is the polling interval of that wait.
	startsPace = 50 * time.Millisecond
)

// kubeletSwitch is a restart of kubelet that a pod has asked for. Kubelet does not end what it has begun when it is
// asked to stop, and makes a container again of which it has not seen the start. So the restart waits until no start is
// under way: every container of the image's pods runs, and no other is between its creation and its start.
type kubeletSwitch struct {
	begun bool // used by the loop of commands alone
	due   chan struct{}
	older []string // containers of earlier boots
}

// begin waits in the background and then sends to due. A request that comes meanwhile is fulfilled by the same restart.
func (s *kubeletSwitch) begin(wait func()) {
	if s.begun {
		return
	}
	s.begun = true
	go func() {
		wait()
		s.due <- struct{}{}
	}()
}

// startsUnderWay returns the pods of the image that do not run with all their containers, and the containers that are
// between their creation and their start.
func (h *host) startsUnderWay() (pods, containers []string) {
	pods, _ = h.pods.Running(cgroupRoot + "/kubepods")
	return pods, staticpods.HalfMade(containerRecords, h.kubeletSwitch.older)
}

// awaitStarts waits until no pod is being started, and says so when it waits, and when it no longer does.
func (h *host) awaitStarts() {
	awaitStarts(h.log, h.startsUnderWay, func() bool { return h.stopping.Load() }, time.Now, time.Sleep)
}

func awaitStarts(log startsLog, underWay func() (pods, containers []string), stopping func() bool, now func() time.Time, sleep func(time.Duration)) {
	begin, told := now(), false
	for !stopping() {
		pods, containers := underWay()
		seconds := now().Sub(begin).Seconds()
		switch {
		case len(pods)+len(containers) == 0:
			if told {
				log.Info("kubelet.waited", "ms", int(seconds*1000))
			}
			return
		case seconds >= startsPatience.Seconds():
			log.Warn("kubelet.late", "seconds", int(seconds), "pods", pods, "containers", short(containers),
				"note", "kubelet is restarted while these are being started, or cannot start; it makes such containers again")
			return
		case !told:
			told = true
			log.Info("kubelet.waits", "pods", pods, "containers", short(containers), "note", "kubelet is restarted once these run")
		}
		sleep(startsPace)
	}
}

// startsLog is the part of the event log that the wait needs.
type startsLog interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
}

// short returns a few identifiers in the form that tools print.
func short(ids []string) []string {
	const most, length = 8, 13
	short := slices.Clone(ids[:min(len(ids), most)])
	for i, id := range short {
		short[i] = id[:min(len(id), length)]
	}
	return short
}
