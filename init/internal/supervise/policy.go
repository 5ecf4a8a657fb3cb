// Package supervise keeps the host's two programs running.
package supervise

import "time"

// Exit describes the end of a child.
type Exit struct {
	Code      int    // -1 when a signal ended it
	Signal    string // "" when none did
	Lived     time.Duration
	Requested bool // init ended it for a restart
}

// History is the policy's state between starts.
type History struct {
	Wait time.Duration // before the last start
	// EarlyEnds counts the ends since the last request or long life.
	EarlyEnds int
	// Served is true once a child lived long, or someone asked for a restart, which takes a child that had worked.
	Served bool
}

const (
	firstWait = time.Second
	maxWait   = time.Minute
	longLife  = 5 * time.Minute
	// requestGap is the minimum time between requested restarts. Requests that arrive during the wait become one.
	requestGap = time.Second
)

// NextRestart returns the wait before the next start. There is none for a requested restart or after a long life. A
// child that keeps ending waits 1 s, then twice as long each time, up to 60 s.
func NextRestart(h History, e Exit) (time.Duration, History) {
	if e.Requested || e.Lived >= longLife {
		return 0, History{Served: true}
	}
	wait := min(max(2*h.Wait, firstWait), maxWait)
	return wait, History{wait, h.EarlyEnds + 1, h.Served}
}

// RequestDelay returns the delay of a requested restart. A request is delayed, never dropped: the requester may have
// written a file after the last start had read it.
func RequestDelay(lastRequested, now time.Time) time.Duration {
	if lastRequested.IsZero() {
		return 0
	}
	return max(0, requestGap-now.Sub(lastRequested))
}
