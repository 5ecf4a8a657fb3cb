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

// floorClock sets the clock to a bound that it is before. The bound is "build" or "saved".
func (h *host) floorClock(bound string, min time.Time) {
	floored, err := clock.Floor(min, h.setClock)
	if err != nil {
		h.log.Warn("clock.failed", "cause", err)
	} else if floored {
		h.log.Warn("clock.floored", "bound", bound, "time", min.UTC().Format(time.RFC3339), "note", "the clock was earlier and was set to it")
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
	h.floorClock("saved", saved)
}
