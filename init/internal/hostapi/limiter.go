package hostapi

import (
	"sync"
	"time"
)

// limiter lets a number of things through in each window of time and counts the others. It belongs to a socket: one of
// each connection would begin anew with every reconnect.
type limiter struct {
	limit  int
	window time.Duration

	mu       sync.Mutex
	start    time.Time
	used     int
	lost     int
	reported time.Time
}

// lossPace is the interval at which a loss is reported, so that the reports do not become the flood.
const lossPace = time.Minute

// allow reports whether one more may pass now, and at most once in lossPace how many were held back before it.
func (l *limiter) allow(now time.Time) (ok bool, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.start) >= l.window {
		l.start, l.used = now, 0
	}
	if l.used >= l.limit {
		l.lost++
		return false, 0
	}
	l.used++
	if l.lost > 0 && now.Sub(l.reported) >= lossPace {
		lost, l.lost, l.reported = l.lost, 0, now
	}
	return true, lost
}
