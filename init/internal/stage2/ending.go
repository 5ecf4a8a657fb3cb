package stage2

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/login1"
	"kios.dev/init/internal/shutdown"
)

const (
	// login1Path is the bus that only kubelet knows.
	login1Path = runDir + "/.login1"
	// graceMargin is what kubelet gets beyond the time that it gives to pods.
	graceMargin = 15 * time.Second
)

// grace is what init knows of the time that kubelet gives to pods when the machine stops.
type grace struct {
	bus    *login1.Server
	period atomic.Int64 // a Duration, as kubelet's log says; 0 is not known
}

// openLogin1 listens before kubelet starts, because kubelet does not try a second time.
func (h *host) openLogin1() error {
	bus, err := login1.Listen(login1Path, h.reaper.Has, func() {
		h.log.Error("kubelet.grace", "cause", fault.New(fault.Grace, "give pods the time that kubelet's configuration says",
			"Set shutdownGracePeriod, or the sum of shutdownGracePeriodByPodPriority, to at most "+login1.Longest.String()+".",
			errors.New("init waits at most "+login1.Longest.String()+", so kubelet ends no pod in order")))
	})
	if err != nil {
		return fault.New(fault.HostAPI, "listen on "+login1Path, "Report this.", err)
	}
	h.grace.bus = bus
	return nil
}

// kubeletEnvironment is the environment of kubelet alone. It returns the period to not known: kubelet says it again.
func (h *host) kubeletEnvironment() []string {
	h.grace.period.Store(0)
	return slices.Concat(environment(), h.pings(), []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + login1Path})
}

// line takes a line of kubelet's log.
func (g *grace) line(line []byte) {
	if period, found := kubelet.GracePeriod(line); found {
		g.period.Store(int64(period))
	}
}

// limit returns how long kubelet may take to end the pods.
func (g *grace) limit() time.Duration {
	if period := time.Duration(g.period.Load()); period > 0 {
		return min(period+graceMargin, login1.Longest)
	}
	return login1.Longest
}

// stoppable is what an ending needs of the host.
type stoppable interface {
	broadcast(event byte)
	prepareStop(action shutdown.Action, cut <-chan struct{}) <-chan login1.Outcome
	callOff()
	stop(action shutdown.Action, pods login1.Outcome)
}

// ending is the state of a shutdown.
type ending struct {
	machine stoppable
	state   shutdown.State
	soft    <-chan time.Time      // the announcement has lasted long enough
	pods    <-chan login1.Outcome // kubelet has ended the pods, or the wait for it is over
	cut     chan struct{}         // closed to end that wait
}

// take carries out a command that concerns a shutdown.
func (e *ending) take(command hostapi.Command) {
	was := e.state
	e.state = shutdown.Next(was, command)
	if e.state.Phase == was.Phase {
		return
	}
	e.soft = nil
	switch e.state.Phase {
	case shutdown.Announced:
		e.machine.broadcast(hostapi.EventShutdown)
		e.soft = time.After(softWait)
	case shutdown.Preparing:
		e.cut = make(chan struct{})
		e.pods = e.machine.prepareStop(e.state.Action, e.cut)
	case shutdown.Stopping:
		close(e.cut)
		e.finish(<-e.pods)
	case shutdown.Running:
		e.calledOff(was)
	}
}

func (e *ending) calledOff(was shutdown.State) {
	if was.Phase == shutdown.Preparing {
		close(e.cut)
		e.pods = nil
		e.machine.callOff()
	}
	e.machine.broadcast(hostapi.EventCalledOff)
}

// finish stops the machine, which does not return.
func (e *ending) finish(pods login1.Outcome) {
	e.state.Phase = shutdown.Stopping
	e.machine.stop(e.state.Action, pods)
}

// isEndingPods reports whether kubelet and the runtime are needed as they are.
func (e *ending) isEndingPods() bool { return e.state.Phase == shutdown.Preparing }

func (h *host) broadcast(event byte) {
	if event == hostapi.EventCalledOff {
		h.log.Info("shutdown.called-off")
	}
	h.api.Broadcast(event)
}

// prepareStop lets kubelet end the pods: each with its own grace period, those of users first.
func (h *host) prepareStop(action shutdown.Action, cut <-chan struct{}) <-chan login1.Outcome {
	limit := h.grace.limit()
	h.log.Info("shutdown.start", "action", action.String(), "podSeconds", int(limit.Seconds()))
	h.life.monitor.Hold() // login1 tells of a kubelet that hangs now, and a restart would lose the order
	h.grace.bus.Prepare()
	ended, start := make(chan login1.Outcome, 1), time.Now()
	go func() {
		outcome := h.grace.bus.Await(limit, cut)
		h.reportPods(outcome, time.Since(start))
		ended <- outcome
	}()
	return ended
}

func (h *host) reportPods(outcome login1.Outcome, took time.Duration) {
	fields := []any{"step", "pods", "ms", took.Milliseconds(), "outcome", string(outcome)}
	if outcome != login1.Hung && outcome != login1.Deadline {
		h.log.Info("shutdown.step", fields...)
		return
	}
	h.log.Error("shutdown.step", append(fields, "cause", fault.New(fault.Shutdown, "end the pods in their order",
		fmt.Sprintf("Read the end of kubelet's log. Init asked the pods to end and killed them after %d s.", int(abruptLimit.Seconds())),
		errors.New("kubelet does not end them")))...)
}

// callOff tells kubelet that the machine runs on, and restarts it: the pods that it has ended, the node's own among
// them, start again with a new kubelet only, and the old one would lose its next inhibitor.
func (h *host) callOff() {
	h.grace.bus.Withdraw()
	h.kubelet.Restart()
	h.life.monitor.Resume(time.Now())
}
