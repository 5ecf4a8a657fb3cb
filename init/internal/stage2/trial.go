package stage2

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/esp"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/slots"
	"kios.dev/init/internal/watchdog"
)

const (
	// bootDeadline is when a boot on trial that has not come to its end is given up, without order.
	bootDeadline = slots.Deadline + slots.HealthyFor
	// askAgain is the pause between two orders to reboot, of which somebody may call off one.
	askAgain = time.Minute
	// membershipLimit bounds node.json, which a pod writes.
	membershipLimit = 4 << 10
)

// endBootOnTrial reboots a machine whose boot does not come to an end, so that the loader counts on.
func (h *host) endBootOnTrial() {
	if h.stopping.Load() || !h.versions.judge() {
		return
	}
	err := fault.New(fault.SlotsTrial, fmt.Sprintf("boot generation %d to its end", h.versions.start.Running),
		"The machine reboots, and after its last try the version before runs. Read the lines before this one.", errors.New("it takes too long"))
	h.recordFault(err)
	Fatal(h.log, err)
}

// judgeTrial looks at the node's health until it is blessed or the machine stops. Where a reboot does not go back to a
// good generation, the node stays as it is.
func (h *host) judgeTrial(back bool) {
	t := trial{bless: h.bless, tell: func(why string) { h.tellGivenUp(why, back) }, reboot: func() {
		if back {
			h.commands <- hostapi.Reboot
		}
	}}
	for range time.Tick(slots.LookEvery) {
		switch {
		case h.stopping.Load():
			return
		case h.life.monitor.IsHeld(): // kubelet ends the pods, and the machine may run on
			continue
		case t.look(clock.Uptime(), h.health(time.Now()).Why()):
			return
		}
	}
}

// trial is a generation that init judges.
type trial struct {
	bless  func() bool
	tell   func(why string) // that it is given up
	reboot func()

	watch  slots.Watch
	isTold bool
	asked  time.Duration // when the last reboot was ordered
}

// look takes why the node is not healthy at this time, "" if it is, and reports whether the generation is blessed.
func (t *trial) look(up time.Duration, why string) (blessed bool) {
	verdict := t.watch.Look(up, why)
	if verdict == slots.Bless {
		if t.bless() {
			return true
		}
		why = "its entry cannot be renamed"
		t.watch.StartOver() // it is tried again after as long a time
	}
	if verdict == slots.GiveUp || verdict == slots.Bless && t.watch.IsLate(up) {
		t.giveUp(up, why)
	}
	return false
}

// giveUp tells it once, and orders a reboot again after somebody has called it off.
func (t *trial) giveUp(up time.Duration, why string) {
	if !t.isTold {
		t.isTold = true
		t.tell(why)
	}
	if t.asked == 0 || up-t.asked >= askAgain {
		t.asked = up
		t.reboot()
	}
}

// tellGivenUp says why the trial ends, and notes it for the next boot.
func (h *host) tellGivenUp(why string, back bool) {
	generation, remedy := h.versions.start.Running, "The machine reboots, and after its last try the version before runs. Find out what is wrong with this one."
	if !back {
		remedy = "A reboot would not go back to a version that is known to be good, so this one stays. Find out what is wrong with it."
	}
	h.log.Error("slots.given-up", "generation", generation, "cause", fault.New(fault.SlotsTrial, fmt.Sprintf("bless generation %d of the system", generation), remedy, errors.New(why)))
	if back {
		h.record(func(r *lastrun.Record) { r.Code, r.Cause = fault.SlotsTrial, why })
	}
}

// bless makes the running generation the one that each start takes, and reports whether it did.
func (h *host) bless() bool {
	v := h.versions
	if v.unusable != nil {
		return false
	}
	after := v.start.Blessed()
	var decision slots.Decision
	err := h.onPartition(func(top string) error {
		medium, err := v.read(top)
		if err != nil {
			return err
		}
		for _, step := range slots.Decide(v.start.OnTrial(), medium).Bless {
			if err := esp.Take(top, step, h.release.Version); err != nil {
				return err
			}
		}
		medium, err = v.read(top)
		decision = slots.Decide(after, medium)
		return err
	})
	if err != nil {
		h.log.Error("slots.unblessed", "cause", fault.New(fault.SlotsMedium, fmt.Sprintf("bless generation %d of the system", v.start.Running), slotsRemedy, err))
		return false
	}
	h.log.Info("slots.blessed", "generation", v.start.Running)
	h.tellVersions(h.stateOf(decision, after))
	h.record(func(r *lastrun.Record) {
		if r.Code == fault.SlotsTrial { // a reboot that was called off
			r.Code, r.Cause = "", ""
		}
	})
	return true
}

// health gathers what counts for a node on trial.
func (h *host) health(now time.Time) slots.Health {
	health := slots.Health{DataFailed: h.dataReason == "failed", Joined: h.joined || isJoined("/etc")}
	health.Pods, health.RunsGiven = h.pods.Running(cgroupRoot + "/kubepods")
	for _, program := range []watchdog.Program{watchdog.Containerd, watchdog.Kubelet} {
		answers := h.options.WatchdogOff || h.life.monitor.Answers(program, now) // without a watchdog nobody asks
		if !answers || !h.faults.Serves(program.String()) {
			health.Programs = append(health.Programs, program.String())
		}
	}
	health.Membership, health.Age = readMembership(runDir+"/platform", clock.Uptime())
	return health
}

// nodeState is the content of node.json, which the bootstrap agent writes.
type nodeState struct {
	V      int              `json:"v"`
	State  slots.Membership `json:"state"`
	Looked float64          `json:"looked"`
}

// readMembership returns what the bootstrap agent says of the node's cluster, and how long ago it looked.
func readMembership(folder string, up time.Duration) (slots.Membership, time.Duration) {
	text, err := plainfile.Read(folder, "node.json", membershipLimit)
	var state nodeState
	if err != nil || json.Unmarshal(text, &state) != nil || state.V != 1 {
		return slots.Unsaid, 0
	}
	return state.State, up - time.Duration(state.Looked*float64(time.Second))
}
