package eventlog

import (
	"sync"
	"time"

	"kios.dev/init/internal/clock"
)

// stamp is one instant by both clocks.
type stamp struct {
	wall time.Time
	up   time.Duration // CLOCK_BOOTTIME
}

// zero returns the wall clock's time at which the boot clock was 0. Slewing changes both clocks alike (adjtimex(2)), so
// it moves only when the wall clock is set.
func (s stamp) zero() time.Time { return s.wall.Round(0).Add(-s.up) }

const (
	// closeReads is how far apart the readings of a stamp may be. A machine that did something else in between is asked
	// again.
	closeReads = time.Millisecond
	readings   = 3
	// leastStep is the least step that is told. Whatever is less can be a stamp of a machine that paused.
	leastStep = 100 * time.Millisecond
)

// readClocks takes the closest of a few readings.
func readClocks() stamp {
	var best stamp
	shortest := time.Duration(-1)
	for range readings {
		before, wall := clock.Uptime(), time.Now()
		took := clock.Uptime() - before
		if shortest < 0 || took < shortest {
			best, shortest = stamp{wall, before + took/2}, took
		}
		if shortest <= closeReads {
			break
		}
	}
	return best
}

// steps notices that the wall clock was set.
type steps struct {
	mu   sync.Mutex
	zero time.Time // of the boot clock, as the wall clock last knew it
}

// observe returns by how much the wall clock was set since the stamp before, or 0.
func (s *steps) observe(at stamp) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	zero := at.zero()
	if s.zero.IsZero() {
		s.zero = zero
		return 0
	}
	step := zero.Sub(s.zero)
	if step.Abs() < leastStep {
		return 0
	}
	s.zero = zero
	return step
}

// bootedAt returns the time at which the boot clock was 0, as far as it is known.
func (s *steps) bootedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zero
}
