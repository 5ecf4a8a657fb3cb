package watchdog

import (
	"sync"
	"time"
)

// Program is one of the host's programs whose answers count.
type Program int

// Containerd comes first: without it kubelet's own checks fail.
const (
	Containerd Program = iota
	Kubelet
)

func (p Program) String() string { return [...]string{"containerd", "kubelet"}[p] }

const (
	// KubeletPeriod is what kubelet is told (WATCHDOG_USEC). It pings twice in that time, while its checks pass.
	KubeletPeriod = time.Minute
	// The longest silences. An emulated or overloaded machine answers after many seconds.
	kubeletLimit    = 2 * KubeletPeriod
	containerdLimit = 90 * time.Second
	// startLimit is the longest silence of a process that has not answered yet.
	startLimit = 10 * time.Minute
	// patience is how long restarts are tried. It is longer after each reset that did not help either.
	patience    = 10 * time.Minute
	mostDoubled = 4
	// settled is how long a program answers before its next silence is a new trouble. Kubelet pings from its start,
	// and stops five minutes later if its main loop hangs.
	settled = 30 * time.Minute
)

// Hang is a program that does not answer.
type Hang struct {
	Program Program
	Silent  time.Duration
	// Restarts counts those of this trouble, with the one that is due.
	Restarts int
	// Both says that containerd is to be restarted with kubelet: its checks ask more of containerd than init does.
	Both bool
}

// Verdict is what follows from a look.
type Verdict struct {
	Restart []Hang
	// Hopeless is the program that restarts did not help; while it is not nil the watchdog is not fed.
	Hopeless *Hang
}

// Monitor knows when each program answered last. Its methods may be called from any goroutine.
type Monitor struct {
	mu       sync.Mutex
	patience time.Duration
	looked   time.Time
	held     bool
	states   [2]state
}

type state struct {
	limit   time.Duration
	started time.Time // the start of the running process; zero before the first
	answers bool      // true once the running process has answered
	last    time.Time // of its last answer
	hangs   bool
	hung    time.Time // when it was found hanging
	trouble bool
	since   time.Time // the begin of the trouble, which outlasts a recovery
	back    time.Time // when it answered again
	due     time.Time // of the next restart
	count   int
}

// NewMonitor returns a monitor for a machine that was reset so many times in a row because nothing else helped.
func NewMonitor(resets int) *Monitor {
	return &Monitor{
		patience: patience << min(max(resets, 0), mostDoubled),
		states:   [2]state{Containerd: {limit: containerdLimit}, Kubelet: {limit: kubeletLimit}},
	}
}

// Started notes a new process of a program.
func (m *Monitor) Started(p Program, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states[p].started, m.states[p].answers = now, false
}

// Answered notes an answer. It returns true when the program had been found hanging.
func (m *Monitor) Answered(p Program, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.states[p]
	back := s.hangs
	s.answers, s.last, s.hangs = true, now, false
	if back {
		s.back = now
	}
	return back
}

// Answers reports whether the running process of a program has answered, and not too long ago.
func (m *Monitor) Answers(p Program, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.states[p]
	return s.answers && !s.hangs && now.Sub(s.last) < s.limit
}

// Hold ends all judgement: the machine stops in order, and its programs with it.
func (m *Monitor) Hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
}

// IsHeld reports whether the machine stops in order.
func (m *Monitor) IsHeld() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// Resume begins anew after a stop that was called off.
func (m *Monitor) Resume(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = false
	for p := range m.states {
		m.states[p] = state{limit: m.states[p].limit, started: now}
	}
}

// Look returns what follows from the answers until now.
func (m *Monitor) Look(now time.Time) Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	var v Verdict
	if m.held {
		return v
	}
	m.forgive(now)
	for p := Containerd; p <= Kubelet; p++ {
		s := &m.states[p]
		if p == Kubelet && m.states[Containerd].hangs {
			s.heard(now) // its silence may come from there
			continue
		}
		if s.restart(now) {
			v.Restart = append(v.Restart, s.hang(p, now))
		}
		// The restart of each hang has its time to help, also late in a trouble.
		if s.hangs && now.Sub(s.since) >= m.patience && now.Sub(s.hung) >= s.limit {
			hang := s.hang(p, now)
			v.Hopeless = &hang
		}
	}
	return v
}

// forgive takes the time in which the whole machine stood still from every silence and from the time that a restart has
// to help: a paused virtual machine, or one that had no processor.
func (m *Monitor) forgive(now time.Time) {
	gap := now.Sub(m.looked)
	if !m.looked.IsZero() && gap > 3*Interval {
		for p := range m.states {
			s := &m.states[p]
			s.heard(earlier(s.silentSince().Add(gap), now))
			s.since, s.hung = earlier(s.since.Add(gap), now), earlier(s.hung.Add(gap), now)
			s.due = s.due.Add(gap)
		}
	}
	m.looked = now
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// heard moves the begin of the present silence.
func (s *state) heard(at time.Time) {
	if s.answers {
		s.last = at
	} else if !s.started.IsZero() {
		s.started = at
	}
}

func (s *state) silentSince() time.Time {
	if s.answers {
		return s.last
	}
	return s.started
}

// isSilent reports whether the running process has been silent for too long. Before the first there is none.
func (s *state) isSilent(now time.Time) bool {
	limit := s.limit
	if !s.answers {
		limit = startLimit
	}
	return !s.silentSince().IsZero() && now.Sub(s.silentSince()) >= limit
}

// restart reports whether a restart is due. The next one waits longer each time.
func (s *state) restart(now time.Time) bool {
	if !s.hangs {
		if !s.isSilent(now) {
			return false
		}
		s.hangs, s.hung, s.due = true, now, now
		if !s.trouble || s.last.Sub(s.back) >= settled {
			s.trouble, s.since, s.count = true, now, 0
		}
	}
	if now.Before(s.due) {
		return false
	}
	s.due = now.Add(s.limit << s.count)
	s.count = min(s.count+1, mostDoubled)
	return true
}

func (s *state) hang(p Program, now time.Time) Hang {
	silent := s.last
	if silent.IsZero() {
		silent = s.started
	}
	return Hang{Program: p, Silent: now.Sub(silent), Restarts: s.count, Both: p == Kubelet && s.count > 1}
}
