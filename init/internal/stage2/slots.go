package stage2

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/efivar"
	"kios.dev/init/internal/esp"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/slots"
	"kios.dev/init/internal/watchdog"
)

const (
	// tablePatience bounds the wait for partition tables of disks that were late.
	tablePatience = 5 * time.Second
	// readPatience bounds the wait until the medium's own folder is read, which a broken stick may delay.
	readPatience = 2 * time.Minute
	// bootDeadline is when a boot on trial that has not come to its end is given up, without order.
	bootDeadline = slots.Deadline + slots.HealthyFor
	// askAgain is the pause between two orders to reboot, of which somebody may call off one.
	askAgain = time.Minute
	// membershipLimit bounds node.json, which a pod writes.
	membershipLimit = 4 << 10
	slotsRemedy     = "Read init's log, and check the disk."
)

// versions is what init knows of the versions of the system on the EFI system partition.
type versions struct {
	start    slots.Start
	dirty    bool
	seeded   <-chan struct{} // closed when the medium's folder kios was read
	watched  atomic.Bool     // the boot has come so far that its health is looked at
	file     string          // slots.json
	volume   volume
	unusable error         // why there is no volume
	known    chan struct{} // closed when there is one of both

	mu    sync.Mutex
	state slots.State
	ended string // how the run before ended, which was of the generation `of`
	of    int
}

// volume is the EFI system partition.
type volume interface {
	esp.Mounts
	Use(change func(top string) error) error
}

// readVersions reads what the loader left. A boot on trial that hangs is given up from now on.
func (h *host) readVersions() {
	h.versions = &versions{file: runDir + "/slots.json", known: make(chan struct{}), start: slots.Of(slots.Loader{
		Info: efivar.Loader("LoaderInfo"), BootCount: efivar.Loader("LoaderBootCountPath"),
		Selected: efivar.Loader("LoaderEntrySelected"), Image: efivar.Loader("StubImageIdentifier"),
	})}
	if h.versions.start.Counted {
		time.AfterFunc(bootDeadline-clock.Uptime(), h.endBootOnTrial)
	}
}

// endBootOnTrial reboots a machine whose boot does not come to an end, so that the loader counts on.
func (h *host) endBootOnTrial() {
	if h.versions.watched.Load() || h.stopping.Load() {
		return
	}
	err := fault.New(fault.SlotsTrial, fmt.Sprintf("boot generation %d to its end", h.versions.start.Running),
		"The machine reboots, and after its last try the version before runs. Read the lines before this one.", errors.New("it takes too long"))
	h.recordFault(err)
	Fatal(h.log, err)
}

// generation returns the running one, or 0.
func (v *versions) generation() int {
	if v == nil {
		return 0
	}
	return v.start.Running
}

// takeDirty finds out whether the power went while the partition was written. It comes before the first mount.
func (h *host) takeDirty(device string) {
	if device == "" || h.versions.generation() == 0 {
		return
	}
	dirty, err := esp.TakeDirty(device)
	h.versions.dirty = dirty
	switch {
	case err != nil:
		h.log.Warn("slots.dirty", "device", device, "cause", fault.New(fault.SlotsMedium, "read the mark of "+device, slotsRemedy, err))
	case dirty:
		h.log.Warn("slots.dirty", "device", device, "cause", fault.New(fault.SlotsDirty, "keep "+device+" in order",
			"The update agent checks what lies on it when it runs next.", errors.New("the power went while it was written")))
	}
}

// openESP opens the socket by which an agent gets the partition.
func (h *host) openESP() error {
	sessions := esp.NewSessions(h.shareVolume, h.log)
	return h.api.Serve("/run", "esp", esp.Socket, sessions.Serve)
}

// shareVolume waits until the partition is known.
func (h *host) shareVolume() (esp.Mounts, error) {
	<-h.versions.known
	return h.versions.volume, h.versions.unusable
}

// keepVersions finds out what is on the partition, mends and tells it, and judges a trial to its end.
func (h *host) keepVersions() {
	v := h.versions
	select {
	case <-v.seeded: // a medium that is writable cannot be mounted to be read
	case <-time.After(readPatience):
	}
	h.findVolume()
	if v.start.Running == 0 {
		h.log.Info("slots.off", "cause", v.unusable)
		h.tellVersions(slots.Unmanaged(h.release.Version, v.start.Reason))
		return
	}
	decision, err := h.readMedium()
	if err != nil {
		failed := fault.New(fault.SlotsMedium, "read the versions of the system", slotsRemedy, err)
		h.log.Error("slots.failed", "cause", failed)
		h.tellVersions(slots.Unmanaged(h.release.Version, failed.Error()))
		decision.Trial = v.start.Counted
	} else {
		h.tellDecision(decision)
	}
	if decision.Trial {
		v.start = v.start.OnTrial()
		h.judgeTrial(err != nil || len(decision.Good) > 0)
	}
}

// findVolume finds the partition booted from, also on a disk that came late.
func (h *host) findVolume() {
	v := h.versions
	defer close(v.known)
	if v.start.Running == 0 {
		v.unusable = fault.New(fault.SlotsOff, "manage versions of the system", "The node runs. Flash a medium with a boot loader, where the machine can start from one.", errors.New(v.start.Reason))
		return
	}
	device := h.bootDevice
	if device == "" {
		if found := datapart.WithGUID(blockdev.Disks(tablePatience), h.bootPart); len(found) == 1 {
			device = found[0]
		}
	}
	if device == "" {
		v.unusable = fault.New(fault.SlotsMedium, "find the EFI system partition", slotsRemedy, os.ErrNotExist)
		return
	}
	v.volume = esp.New(device, h.modules.LoadFS)
}

// readMedium reads the partition, and takes the steps that are due.
func (h *host) readMedium() (decision slots.Decision, err error) {
	v := h.versions
	if v.unusable != nil {
		return decision, v.unusable
	}
	err = v.volume.Use(func(top string) error {
		medium, err := esp.Read(top)
		if err != nil {
			return err
		}
		decision = slots.Decide(v.start, medium)
		h.takeSteps(top, decision.Repair)
		return nil
	})
	return decision, err
}

// takeSteps mends the entries. What fails is told, and the others are not taken: they build on it.
func (h *host) takeSteps(top string, steps []slots.Step) {
	for _, step := range steps {
		if err := esp.Take(top, step, h.release.Version); err != nil {
			h.log.Error("slots.entry", "step", step.Kind, "name", step.To.Name(), "cause",
				fault.New(fault.SlotsEntries, "mend the loader's entries", "Init tries again at the next start. If it happens again, flash the medium again.", err))
			return
		}
		h.log.Warn("slots.entry", "step", step.Kind, "from", step.From.Name(), "name", step.To.Name())
	}
}

func (h *host) tellDecision(d slots.Decision) {
	v := h.versions
	state := d.State(v.start, h.release.Version, v.dirty)
	h.log.Info("slots.running", "generation", state.Running, "state", state.State, "triesLeft", state.TriesLeft, "good", state.Good)
	if d.Failed != nil {
		h.log.Warn("slots.fell", "generation", d.Failed.Generation, "cause", fault.New(fault.SlotsFailed,
			fmt.Sprintf("run generation %d of the system", d.Failed.Generation),
			fmt.Sprintf("Generation %d runs. Find out what is wrong with the newer one; the same file is not tried again.", state.Running),
			errors.New(d.Failed.Why)))
	}
	h.tellVersions(state)
}

// tellVersions writes slots.json, with what is known of how the failed generation ended.
func (h *host) tellVersions(state slots.State) {
	v := h.versions
	v.mu.Lock()
	defer v.mu.Unlock()
	if f := state.Failed; f != nil && v.ended != "" && v.of == f.Generation {
		state.Failed = &slots.Failure{Generation: f.Generation, Why: f.Why + "; the last ended with " + v.ended}
		v.ended = ""
	}
	v.state = state
	if err := atomicfile.WriteJSON(v.file, state); err != nil {
		h.log.Warn("slots.json", "cause", err)
	}
}

// tellLastVersion adds how the run before ended, if that was of a generation that failed.
func (h *host) tellLastVersion(end lastrun.End, record *lastrun.Record) {
	v := h.versions
	if v == nil || record == nil || record.Generation == 0 || end.Fault == nil {
		return
	}
	v.mu.Lock()
	v.ended, v.of = end.Fault.Code+": "+errors.Unwrap(end.Fault).Error(), record.Generation
	state := v.state
	v.mu.Unlock()
	if state.Managed {
		h.tellVersions(state)
	}
}

// judgeTrial looks at the node's health until it is blessed or the machine stops. Without another good generation there
// is nothing to go back to, and the node stays as it is.
func (h *host) judgeTrial(back bool) {
	h.versions.watched.Store(true)
	var watch slots.Watch
	asked, isTold := time.Time{}, false
	for range time.Tick(slots.LookEvery) {
		if h.stopping.Load() {
			return
		}
		why := h.health(time.Now()).Why()
		switch watch.Look(clock.Uptime(), why) {
		case slots.Bless:
			if h.bless() {
				return
			}
			why = "its entry cannot be renamed"
			if clock.Uptime() < slots.Deadline {
				continue
			}
			fallthrough
		case slots.GiveUp:
			if !isTold {
				isTold = true
				h.tellGivenUp(why, back)
			}
			if back && time.Since(asked) >= askAgain {
				asked = time.Now()
				h.commands <- hostapi.Reboot
			}
		case slots.Wait:
		}
	}
}

// tellGivenUp says why the trial ends, and notes it for the next boot.
func (h *host) tellGivenUp(why string, back bool) {
	generation, remedy := h.versions.start.Running, "The machine reboots, and after its last try the version before runs. Find out what is wrong with this one."
	if !back {
		remedy = "No other version is known to be good, so this one stays. Find out what is wrong with it."
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
	err := v.volume.Use(func(top string) error {
		medium, err := esp.Read(top)
		if err != nil {
			return err
		}
		for _, step := range slots.Decide(v.start, medium).Bless {
			if err := esp.Take(top, step, h.release.Version); err != nil {
				return err
			}
		}
		medium, err = esp.Read(top)
		decision = slots.Decide(after, medium)
		return err
	})
	if err != nil {
		h.log.Error("slots.unblessed", "cause", fault.New(fault.SlotsMedium, fmt.Sprintf("bless generation %d of the system", v.start.Running), slotsRemedy, err))
		return false
	}
	h.log.Info("slots.blessed", "generation", v.start.Running)
	h.tellVersions(decision.State(after, h.release.Version, v.dirty))
	h.record(func(r *lastrun.Record) { r.Code, r.Cause = "", "" })
	return true
}

// health gathers what counts for a node on trial.
func (h *host) health(now time.Time) slots.Health {
	health := slots.Health{DataFailed: h.dataReason == "failed", Joined: h.joined || isJoined("/etc"), Pods: h.pods.NotRunning(cgroupRoot + "/kubepods")}
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
