package login1

import "time"

// Outcome says how the wait for kubelet ended.
type Outcome string

// The outcomes, in the words of the event log.
const (
	Done     Outcome = "done"      // kubelet has ended the pods, as far as it could
	Deadline Outcome = "deadline"  // it took longer than it may
	Absent   Outcome = "absent"    // no kubelet takes part: it does not run, or its configuration gives no time
	Hung     Outcome = "hung"      // kubelet does not reply any more
	Cut      Outcome = "cut-short" // somebody ended the wait
)

const (
	// settling tells a kubelet that has given back its inhibitor from one that ended, whose connection closes too.
	settling = 200 * time.Millisecond
	// comeback is the time that a kubelet which ended has to start again and to connect.
	comeback = 30 * time.Second
	// silence is the time without any reply after which kubelet counts as hung. Its D-Bus library replies by itself,
	// whatever kubelet is doing.
	silence = 20 * time.Second
	pinging = 2 * time.Second
)

// Await returns when kubelet has ended the pods after Prepare, after limit at the latest, or when cut is closed.
func (s *Server) Await(limit time.Duration, cut <-chan struct{}) Outcome {
	end := time.After(limit)
	for pings := time.Tick(pinging); ; {
		outcome, again, changed := s.look(time.Now())
		if outcome != "" {
			return outcome
		}
		select {
		case <-changed:
		case <-time.After(again):
		case <-pings:
			s.ping()
		case <-end:
			return Deadline
		case <-cut:
			return Cut
		}
	}
}

// look returns the outcome as far as there is one, or when to look again and what tells of a change.
func (s *Server) look(now time.Time) (Outcome, time.Duration, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var clients []seen
	for _, client := range s.clients {
		clients = append(clients, client.seen)
	}
	outcome, again := judge(now, s.preparing, s.left, clients)
	return outcome, again, s.changed
}

// judge decides whether kubelet has done its part. left is when a kubelet that took part went away, or zero.
func judge(now, since, left time.Time, clients []seen) (Outcome, time.Duration) {
	if len(clients) == 0 {
		if left.IsZero() {
			return Absent, 0
		}
		return within(now, left.Add(comeback), Absent)
	}
	heard := time.Time{}
	for _, client := range clients {
		if client.told && client.locked && client.locks == 0 {
			return within(now, client.released.Add(settling), Done)
		}
		heard = later(heard, client.heard)
	}
	return within(now, later(since, heard).Add(silence), Hung)
}

// within returns the outcome that is due at a time, or how long it is until then.
func within(now, due time.Time, outcome Outcome) (Outcome, time.Duration) {
	if wait := due.Sub(now); wait > 0 {
		return "", wait
	}
	return outcome, 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
