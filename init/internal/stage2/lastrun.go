package stage2

import (
	"errors"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/watchdog"
)

const (
	recordDir = dataDir + "/meta"
	crashDir  = recordDir + "/crash"
	// recordLimit bounds the wait for a record, whose disk may hang.
	recordLimit = 2 * time.Second
	// wordsLater is when the kernel's last words are read after a run that ended in order: asking the firmware for
	// them would delay the first pods.
	wordsLater = startPhase
)

// lastRunState is the content of last-run.json.
type lastRunState struct {
	V       int            `json:"v"`
	Reason  lastrun.Reason `json:"reason"`
	BootID  string         `json:"bootId,omitempty"`
	Version string         `json:"version,omitempty"`
	Seconds float64        `json:"seconds,omitempty"`
	Code    string         `json:"code,omitempty"`
	Cause   string         `json:"cause,omitempty"`
}

// beginRun reads the record of the run before and begins that of this one.
func (h *host) beginRun() {
	previous, err := lastrun.Read(recordDir)
	if err != nil {
		h.log.Warn("lastrun.record", "cause", err)
	}
	h.life.previous = previous
	h.life.monitor = watchdog.NewMonitor(previous.ResetsBefore())
	h.life.run = lastrun.NewKeeper(recordDir, lastrun.Record{
		BootID: readLine("/proc/sys/kernel/random/boot_id"), Version: h.release.Version, Started: time.Now().UTC(),
		Starvations: previous.ResetsBefore(), Generation: h.versions.generation(),
	})
	go h.keepRecord()
}

// record changes the record of this run, and writes it in the background.
func (h *host) record(change func(*lastrun.Record)) {
	h.life.run.Set(clock.Seconds(clock.Uptime()), change)
	go h.keepRecord()
}

// recordNow changes the record, and waits for the disk, but not long.
func (h *host) recordNow(change func(*lastrun.Record)) {
	h.life.run.Set(clock.Seconds(clock.Uptime()), change)
	atMost(recordLimit, h.keepRecord)
}

// atMost waits for an action, but not longer: a disk may hang, and the machine must end.
func atMost(limit time.Duration, do func()) {
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

func (h *host) keepRecord() {
	if err := h.life.run.Write(); err != nil {
		h.log.Warn("lastrun.record", "cause", err)
	}
}

// recordEnd notes that the ordered stop has come to its last steps.
func (h *host) recordEnd() error {
	h.life.run.Set(clock.Seconds(clock.Uptime()), func(r *lastrun.Record) { r.State = lastrun.Ended })
	return h.life.run.Write()
}

// recordFault notes why init gives up. Before there is a data partition there is no place for it.
func (h *host) recordFault(err error) {
	if h.life.run == nil || h.log == nil {
		return
	}
	code := fault.Panic
	var f *fault.Error
	if errors.As(err, &f) {
		code = f.Code
	}
	h.recordNow(func(r *lastrun.Record) { r.State, r.Code, r.Cause = lastrun.Failed, code, err.Error() })
}

// tellLastRun says why the run before ended.
func (h *host) tellLastRun() {
	evidence := lastrun.Evidence{Record: h.life.previous, WordsLost: lastrun.WordsLost(lastrun.Backend)}
	if device := h.life.device; device != nil {
		evidence.Status, evidence.WatchdogSilent = device.BootStatus, device.IsSilent()
	}
	if !evidence.NeedsWords() {
		if evidence.Record != nil {
			h.tell(evidence)
		}
		time.Sleep(wordsLater)
	}
	words, file := h.lastWords()
	if evidence.NeedsWords() || evidence.Record == nil {
		evidence.Panic = words
		h.tell(evidence, "file", file)
	}
}

// tell writes the one line, and the file for those who look later.
func (h *host) tell(evidence lastrun.Evidence, more ...any) {
	end := lastrun.Explain(evidence)
	state := lastRunState{V: 1, Reason: end.Reason}
	if r := evidence.Record; r != nil {
		state.BootID, state.Version, state.Seconds = r.BootID, r.Version, r.Up
	}
	fields := []any{"reason", end.Reason, "seconds", int(state.Seconds)}
	if end.Reason == lastrun.Panic {
		fields = append(fields, more...)
	}
	if end.Fault == nil {
		h.log.Info("lastrun", fields...)
	} else {
		state.Code, state.Cause = end.Fault.Code, end.Fault.Error()
		h.log.Warn("lastrun", append(fields, "cause", end.Fault)...)
	}
	if err := atomicfile.WriteJSON(runDir+"/last-run.json", state); err != nil {
		h.log.Warn("last-run.json", "cause", err)
	}
	h.tellLastVersion(end, evidence.Record)
}

// lastWords keeps what the kernel said at its last crashes, and returns the words of the panic that ended the run
// before, and their file.
func (h *host) lastWords() (words []string, file string) {
	var dumps []lastrun.Dump
	err := lastrun.Mounted(func(folder string) (err error) {
		dumps, err = lastrun.Take(folder, crashDir)
		return err
	})
	if err != nil {
		h.log.Warn("crash.failed", "cause", err)
	}
	for _, dump := range dumps {
		h.log.Warn("crash.kept", "file", dump.File, "kind", dump.Reason, "time", dump.Time.UTC().Format(time.RFC3339), "lines", dump.Words())
		if dump.EndedRun() {
			words, file = dump.Words(), dump.File
		}
	}
	return words, file
}
