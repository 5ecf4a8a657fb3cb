// Package supervise keeps the host's two programs alive.
package supervise

import "time"

// Exit is the end of one life of a child.
type Exit struct {
	Code      int    // -1 when a signal ended it
	Signal    string // "" when none did
	Lived     time.Duration
	Requested bool // init ended it to start it afresh
}

// History is what the policy remembers between lives: the wait before the last start.
type History struct{ Wait time.Duration }

const (
	firstWait = time.Second
	maxWait   = time.Minute
	longLife  = 5 * time.Minute
	// requestGap folds restart requests: one that comes sooner after the last waits, and meets others while it does.
	requestGap = time.Second
)

// NextRestart says how long to wait before the next start. A requested restart and the first one after a long life wait not at
// all; a child that keeps dying waits 1 s, then doubles up to 60 s.
func NextRestart(h History, e Exit) (time.Duration, History) {
	if e.Requested || e.Lived >= longLife {
		return 0, History{}
	}
	wait := min(max(2*h.Wait, firstWait), maxWait)
	return wait, History{wait}
}

// RequestDelay says how long a requested restart has to wait. It is delayed, never dropped: the requester may have written a file
// after the last start had read it.
func RequestDelay(lastRequested, now time.Time) time.Duration {
	if lastRequested.IsZero() {
		return 0
	}
	return max(0, requestGap-now.Sub(lastRequested))
}
