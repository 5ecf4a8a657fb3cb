package stage2

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	"kios.dev/init/internal/machine"
	"kios.dev/init/internal/slots"
)

const (
	// tablePatience bounds the wait for partition tables of disks that were late.
	tablePatience = 5 * time.Second
	// readPatience bounds the wait until the medium's own folder is read, which a broken stick may delay.
	readPatience = 2 * time.Minute
	slotsRemedy  = "Read init's log, and check the disk."
)

// versions is what init knows of the versions of the system on the EFI system partition.
type versions struct {
	start    slots.Start
	dirty    bool
	seeded   <-chan struct{} // closed when the medium's folder kios was read
	judged   atomic.Bool     // somebody judges this start: the boot came to its end, or took too long
	file     string          // slots.json
	volume   volume
	signers  []string // slots.State.Signers
	unusable error    // why there is no volume
	// hasModules says that modules come from a modules.erofs.
	hasModules atomic.Bool
	encrypted  bool          // slots.State.Encrypted
	known      chan struct{} // closed when there is one of both

	mu    sync.Mutex
	state slots.State
	ended string // how the run before ended, which was of the generation `of`
	of    int
}

// volume is the EFI system partition.
type volume interface {
	esp.Mounts
	Look(read func(top string) error) error
	Use(change func(top string) error) error
}

// readVersions reads what the loader left. A boot on trial that hangs is given up from now on.
func (h *host) readVersions() {
	h.versions = &versions{file: runDir + "/slots.json", known: make(chan struct{}), start: readStart()}
	if machine.SecureBoot() {
		h.versions.signers = efivar.Signers()
	}
	if h.versions.start.Counted {
		h.limitBootOnTrial()
	}
}

// readStart returns what firmware says of this start, in EFI variables or in a board's device tree.
func readStart() slots.Start {
	loader := slots.Loader{
		Info: efivar.Loader("LoaderInfo"), BootCount: efivar.Loader("LoaderBootCountPath"),
		Selected: efivar.Loader("LoaderEntrySelected"), Image: efivar.Loader("StubImageIdentifier"),
	}
	if prefix, ok := datapart.SystemPrefix(datapart.Tree); ok && loader.Info == "" {
		return slots.OfBoard(datapart.BoardName(datapart.Tree), prefix)
	}
	return slots.Of(loader)
}

func (h *host) limitBootOnTrial() {
	time.AfterFunc(bootDeadline-clock.Uptime(), h.endBootOnTrial)
}

// goBack is the first act of a system on trial on a board, whose loader does not count: the next start is of the good
// one again, whatever ends this one. Until the disk is there nobody can do it.
func (h *host) goBack(device string) {
	if device == "" || h.versions.start.Board == "" {
		return
	}
	h.versions.volume = esp.New(device, h.modules.LoadFS)
	h.nameGood()
}

// nameGood names the good system as the next one. Where it cannot, this start is none that ends by going back.
func (h *host) nameGood() {
	v := h.versions
	decision, failed := h.readMedium()
	switch {
	case failed != nil:
		h.log.Error("slots.failed", "cause", failed)
	case decision.Trial:
		v.start = v.start.OnTrial()
		h.limitBootOnTrial()
	}
}

// judge reports whether the caller is the one that judges this start.
func (v *versions) judge() bool { return v.judged.CompareAndSwap(false, true) }

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
	dirty, mended, err := esp.TakeDirty(device)
	h.versions.dirty = dirty
	switch {
	case err != nil:
		h.log.Warn("slots.dirty", "device", device, "cause", fault.New(fault.SlotsMedium, "put "+device+" in order", slotsRemedy, err))
	case dirty:
		h.log.Warn("slots.dirty", "device", device, "lostClusters", mended.Lost, "endedFiles", mended.Ended,
			"cause", fault.New(fault.SlotsDirty, "keep "+device+" in order",
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
		close(v.known)
		h.log.Info("slots.off", "cause", v.unusable)
		h.tellVersions(slots.Unmanaged(h.release.Version, v.start.Reason))
		return
	}
	decision, failed := h.readMedium()
	close(v.known) // an agent changes the entries only after init has
	if !v.judge() {
		return // the machine reboots
	}
	if trial, back := h.follow(decision, failed); trial {
		h.judgeTrial(back)
	}
}

// follow tells what was found, and returns whether this start is a trial, and whether a reboot goes back from it: if
// nobody has counted this start, and init cannot either, each next one is of the same version.
func (h *host) follow(decision slots.Decision, failed *fault.Error) (trial, back bool) {
	v := h.versions
	if failed != nil {
		h.log.Error("slots.failed", "cause", failed)
	}
	if failed != nil && failed.Code != fault.SlotsEntries {
		h.tellVersions(v.start.Unreadable(h.release.Version, failed.Error()))
		return v.start.Counted, true
	}
	h.tellDecision(decision)
	if decision.Reboot && failed == nil {
		newer := decision.Failed.Generation
		h.log.Error("slots.returned", "generation", newer, "cause", fault.New(fault.CryptSystem, "open the data partition after generation "+strconv.Itoa(newer),
			"The machine reboots once, and starts the older version alone.", errors.New("the newer version was measured, too (PCR 11), and then returned")))
		h.commands <- hostapi.Reboot
	}
	return decision.Trial, len(decision.Good) > 0 && (failed == nil || v.start.Counted)
}

// findVolume finds the partition booted from, also on a disk that came late.
func (h *host) findVolume() {
	v := h.versions
	if v.start.Running == 0 {
		v.unusable = fault.New(fault.SlotsOff, "manage versions of the system", "The node runs. Flash a medium with a boot loader, where the machine can start from one.", errors.New(v.start.Reason))
		return
	}
	device, err := espDevice(h.bootDevice, h.bootPart, func() []blockdev.Disk { return blockdev.Disks(tablePatience) })
	if err != nil {
		v.unusable = fault.New(fault.SlotsMedium, "find the EFI system partition", slotsRemedy, err)
		return
	}
	v.volume = esp.New(device, h.modules.LoadFS)
}

// espDevice returns the device of the partition booted from: the known one, or that with the GUID.
func espDevice(known, guid string, disks func() []blockdev.Disk) (string, error) {
	if known != "" {
		return known, nil
	}
	if guid == "" {
		return "", errors.New("the boot loader does not say from which partition it was loaded")
	}
	switch found := datapart.WithGUID(disks(), guid); len(found) {
	case 0:
		return "", fmt.Errorf("no disk has the partition %s", guid)
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("%s cannot be told apart", strings.Join(found, " and "))
	}
}

// read lists what lies on the partition below top.
func (v *versions) read(top string) (slots.Medium, error) {
	if v.start.Board != "" {
		return esp.ReadBoard(top)
	}
	return esp.Read(top)
}

// readMedium reads the partition, and takes the steps that are due. Without one nothing is written. If the steps fail,
// the fault is SlotsEntries, and the decision holds.
func (h *host) readMedium() (decision slots.Decision, failed *fault.Error) {
	v := h.versions
	err := v.unusable
	if err == nil {
		err = v.volume.Look(func(top string) error {
			medium, err := v.read(top)
			decision = slots.Decide(v.start, medium)
			return err
		})
	}
	if err != nil {
		return decision, fault.New(fault.SlotsMedium, "read the versions of the system", slotsRemedy, err)
	}
	if len(decision.Repair) == 0 {
		return decision, nil
	}
	if err := h.onPartition(func(top string) error { return h.takeSteps(top, decision.Repair) }); err != nil {
		return decision, fault.New(fault.SlotsEntries, "mend what says which system starts",
			"Init tries again at the next start. If it happens again, flash the medium again.", err)
	}
	return decision, nil
}

// onPartition lets a function change the partition. What was changed is on the medium also where somebody else keeps
// the partition writable, which is only told.
func (h *host) onPartition(change func(top string) error) error {
	failed := errors.New("it was not mounted")
	err := h.versions.volume.Use(func(top string) error {
		failed = change(top)
		return failed
	})
	if err != nil && failed == nil {
		h.log.Warn("esp.unmounted", "cause", err)
		return nil
	}
	return err
}

// takeSteps mends what says which system starts. After one that fails the others are not taken: they build on it.
func (h *host) takeSteps(top string, steps []slots.Step) error {
	for _, step := range steps {
		if err := esp.Take(top, step, h.release.Version); err != nil {
			return err
		}
		if step.Kind == slots.Choose { // each trial begins so
			h.log.Info("slots.entry", step.Fields()...)
			continue
		}
		h.log.Warn("slots.entry", step.Fields()...)
	}
	return nil
}

// stateOf returns what a decision says to others.
func (h *host) stateOf(d slots.Decision, s slots.Start) slots.State {
	state := d.State(s, h.release.Version, h.versions.dirty)
	state.Modules = h.versions.hasModules.Load()
	return state
}

func (h *host) tellDecision(d slots.Decision) {
	v := h.versions
	state := h.stateOf(d, v.start)
	h.log.Info("slots.running", "generation", state.Running, "state", state.State, "triesLeft", state.TriesLeft, "good", state.Good,
		"secureBoot", h.versions.signers != nil)
	if d.Failed != nil {
		h.log.Warn("slots.fell", "generation", d.Failed.Generation, "cause", fault.New(fault.SlotsFailed,
			fmt.Sprintf("run generation %d of the system", d.Failed.Generation),
			fmt.Sprintf("Generation %d runs. Find out what is wrong with the newer one; the same file is not tried again.", state.Running),
			errors.New(d.Failed.Why)))
	}
	h.tellVersions(state)
}

// tellVersions tells what was decided, with what is known of how the failed generation ended.
func (h *host) tellVersions(state slots.State) {
	h.versions.mu.Lock()
	defer h.versions.mu.Unlock()
	h.versions.state = state
	h.writeVersions()
}

// writeVersions writes slots.json. The caller has the lock.
func (h *host) writeVersions() {
	v := h.versions
	state := v.state
	state.Signers, state.Encrypted = v.signers, v.encrypted
	if f := state.Failed; f != nil && v.ended != "" && v.of == f.Generation {
		state.Failed = &slots.Failure{Generation: f.Generation, Why: f.Why + "; the last ended with " + v.ended}
	}
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
	defer v.mu.Unlock()
	v.ended, v.of = end.Fault.Code+": "+errors.Unwrap(end.Fault).Error(), record.Generation
	if v.state.Managed { // otherwise it is told with what is decided
		h.writeVersions()
	}
}
