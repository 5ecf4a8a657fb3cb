package stage2

import (
	"errors"
	"os"
	"time"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/plainfile"
)

// savedTime is the folder in which chrony-config keeps the newest time that it knows, in the file saved-time.
const savedTime = "/var/lib/kios/time"

// boundClock sets the clock to the image's build time when it cannot be right.
func (h *host) boundClock() {
	set, err := clock.Bound(h.release.BuildTime, h.setClock)
	h.clockSet("build", h.release.BuildTime, "the clock was earlier, or decades later, and was set to it", set, err)
}

// clockSet tells that the clock was set to a bound, "build" or "saved", or could not be.
func (h *host) clockSet(bound string, to time.Time, note string, set bool, err error) {
	if err != nil {
		h.log.Warn("clock.failed", "cause", err)
	} else if set {
		h.log.Warn("clock.floored", "bound", bound, "time", to.UTC().Format(time.RFC3339), "note", note)
		h.phases.change(func(s *bootState) { s.ClockFloored = true })
	}
}

// floorClockBySaved takes the time saved in a folder as a bound, which needs the state to be mounted.
func (h *host) floorClockBySaved(dir string) {
	text, err := plainfile.Read(dir, "saved-time", 64)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var saved time.Time
	if err == nil {
		saved, err = clock.ParseSaved(string(text), h.release.BuildTime)
	}
	if err != nil {
		h.log.Warn("clock.saved", "cause", err, "note", "the saved time is ignored")
		return
	}
	set, err := clock.Floor(saved, h.setClock)
	h.clockSet("saved", saved, "the clock was earlier and was set to it", set, err)
}
