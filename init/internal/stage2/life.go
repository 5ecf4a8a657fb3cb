package stage2

import (
	"fmt"
	"strconv"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/shutdown"
	"kios.dev/init/internal/watchdog"
)

const (
	// bootLimit is the longest boot. Images of the medium alone may take a third of it.
	bootLimit = 30 * time.Minute
	// stopSlack is the time that an ordered stop has beyond the deadlines of its steps.
	stopSlack = time.Minute

	runtimeSocket = "/run/containerd/containerd.sock"
	askEvery      = 15 * time.Second
	askLimit      = 20 * time.Second
)

// life watches over the programs of the host, and feeds the machine's watchdog only while they work.
type life struct {
	device  *watchdog.Device // nil without one
	monitor *watchdog.Monitor
	endBoot func() // of feeding during the boot
	starved bool   // the watchdog is not fed now
	unfed   bool   // it was told that the watchdog cannot be fed

	run      *lastrun.Keeper
	previous *lastrun.Record
}

// newLife takes the watchdog that was armed in stage 1, or nil.
func newLife(device *watchdog.Device) *life {
	return &life{device: device, monitor: watchdog.NewMonitor(0), endBoot: device.KeepFed(bootLimit)}
}

// startLife lets the main loop feed the watchdog from now on, and returns when it is to do so. A watchdog whose driver
// has come late is armed now.
func (h *host) startLife() <-chan time.Time {
	l := h.life
	l.endBoot()
	if h.options.WatchdogOff {
		if err := l.device.Disarm(); err != nil {
			h.watchdogFailed("stop the watchdog", err)
		}
		l.device = nil
		h.log.Info("watchdog.off")
		return nil
	}
	if l.device == nil {
		device, err := watchdog.Open(watchdog.Node)
		if err != nil {
			h.watchdogFailed("arm the watchdog", err)
		}
		l.device = device
	}
	if l.device == nil {
		h.log.Info("watchdog.none")
	} else {
		h.log.Info("watchdog.armed", "identity", l.device.Identity, "seconds", int(l.device.Timeout.Seconds()))
	}
	go h.askRuntime()
	return time.Tick(l.device.Every())
}

// askRuntime asks containerd whether it works, for as long as the machine runs.
func (h *host) askRuntime() {
	for ; ; time.Sleep(askEvery) {
		if watchdog.Ask(runtimeSocket, askLimit) == nil {
			h.answered(watchdog.Containerd)
		}
	}
}

func (h *host) answered(p watchdog.Program) {
	if h.life.monitor.Answered(p, time.Now()) {
		h.log.Info("program.answers", "child", p.String())
	}
}

// watchKubelet takes the pings of a process of kubelet, unless it sends none.
func (h *host) watchKubelet(pid int) {
	if h.options.WatchdogOff {
		return
	}
	h.life.monitor.Started(watchdog.Kubelet, time.Now())
	h.notify.Watch(pid, func() { h.answered(watchdog.Kubelet) })
}

// pings returns what makes kubelet ping (sd_watchdog_enabled(3)).
func (h *host) pings() []string {
	if h.options.WatchdogOff {
		return nil
	}
	return []string{"WATCHDOG_USEC=" + strconv.FormatInt(watchdog.KubeletPeriod.Microseconds(), 10)}
}

// beat is one turn of the main loop: it restarts what hangs, and feeds the watchdog unless that does not help.
func (h *host) beat(now time.Time) {
	verdict := h.life.monitor.Look(now)
	for _, hang := range verdict.Restart {
		h.restartHung(hang)
	}
	if verdict.Hopeless != nil {
		h.starve(*verdict.Hopeless)
		return
	}
	if h.life.starved {
		h.life.starved = false
		h.record(func(r *lastrun.Record) { r.State, r.Code, r.Cause = lastrun.Running, "", "" })
	}
	if err := h.life.device.Feed(); err != nil && !h.life.unfed {
		h.life.unfed = true
		h.watchdogFailed("feed the watchdog", err)
	}
}

func (h *host) restartHung(hang watchdog.Hang) {
	h.log.Warn("program.hung", "child", hang.Program.String(), "restarts", hang.Restarts, "cause", fault.New(fault.Hang, "get an answer from "+hang.Program.String(),
		"Init restarts it; containers run on. If it does not help, look at the machine's disk and memory, and at the program's log.", silence(hang)))
	if hang.Program == watchdog.Containerd || hang.Both {
		h.containerd.Restart()
	}
	if hang.Program == watchdog.Kubelet {
		h.kubelet.Restart()
	}
}

func silence(hang watchdog.Hang) error {
	return fmt.Errorf("it has been silent for %d s", int(hang.Silent.Seconds()))
}

// starve leaves the machine to its watchdog.
func (h *host) starve(hang watchdog.Hang) {
	if h.life.starved {
		return
	}
	h.life.starved = true
	if hang.Program == watchdog.Containerd {
		go h.doubtStore() // the disk may hang
	}
	doing, remedy := "revive "+hang.Program.String()+" by restarts", "The watchdog resets the machine."
	if h.life.device == nil {
		remedy = "The machine has no watchdog: reset it."
	}
	h.log.Error("program.lost", "child", hang.Program.String(), "cause", fault.New(fault.Hang, doing, remedy, silence(hang)))
	if h.life.device == nil {
		return
	}
	resets := h.life.previous.ResetsBefore() + 1
	h.record(func(r *lastrun.Record) {
		r.State, r.Code, r.Starvations = lastrun.Starved, fault.Hang, resets
		r.Cause = fmt.Sprintf("%v did not answer, and no restart helped: %v", hang.Program, silence(hang))
	})
}

func (h *host) watchdogFailed(doing string, err error) {
	h.log.Warn("watchdog.failed", "cause", fault.New(fault.Watchdog, doing,
		"Look for a setting of the firmware, or turn it off by kios.watchdog=off. The node runs; a hang may need a person.", err))
}

// beginStop ends all judgement, for programs that end in order must not be restarted, and bounds the stop: a machine
// that hangs in it is reset.
func (h *host) beginStop(action shutdown.Action, limit time.Duration) {
	h.stopping.Store(true)
	h.life.monitor.Hold()
	h.kubelet.Retire()
	h.containerd.Retire()
	h.life.device.KeepFed(limit + stopSlack)
	h.recordNow(func(r *lastrun.Record) { r.State, r.Action = lastrun.Stopping, action.String() })
}

// endStop comes right before the machine reboots or switches itself off. The watchdog bounds a reboot, and must not
// start a machine again that is off but for its power.
func (h *host) endStop(action shutdown.Action) {
	if action == shutdown.Reboot {
		h.life.device.Feed()
		return
	}
	if err := h.life.device.Disarm(); err != nil {
		h.watchdogFailed("stop the watchdog", err)
	}
}
