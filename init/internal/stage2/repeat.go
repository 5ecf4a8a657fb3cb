package stage2

import (
	"time"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/repeat"
)

// repeatPace is how often init looks whether there is something to say again.
const repeatPace = 5 * time.Second

// repeatFaults says until the stop, each minute, why no pod runs. Nothing is said while pods run: then the bootstrap
// pod says what is wrong.
func (h *host) repeatFaults() {
	for range time.Tick(repeatPace) {
		if h.stopping.Load() {
			return
		}
		sayAgain(h.log, h.faults, time.Now())
	}
}

func sayAgain(log *eventlog.Log, faults *repeat.Faults, now time.Time) {
	say, over := faults.Due(now)
	for _, one := range say {
		log.Error("fault", "cause", one)
	}
	for _, code := range over {
		log.Info("fault.over", "code", code)
	}
}

// lasting notes a fault of this boot, and returns it for the log.
func (h *host) lasting(err error) error {
	h.faults.Lasting(err)
	return err
}

// seenBy returns a function that takes the lines of a program for the faults, and for another reader if there is one.
func (h *host) seenBy(name string, next func(line []byte)) func(line []byte) {
	return func(line []byte) {
		h.faults.Line(name, line)
		if next != nil {
			next(line)
		}
	}
}

// forget notes the end of a program.
func (h *host) forget(name string) func(pid int) {
	return func(pid int) {
		h.notify.Forget(pid)
		h.faults.Ended(name, time.Now())
	}
}
