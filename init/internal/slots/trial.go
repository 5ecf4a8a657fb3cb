package slots

import (
	"fmt"
	"strings"
	"time"
)

const (
	// HealthyFor is how long a node on trial has to be healthy without a break.
	HealthyFor = 2 * time.Minute
	// Deadline is when a trial ends, counted from the kernel's start.
	Deadline = 15 * time.Minute
	// LookEvery is the pause between two looks, and longestGap the longest one after which nothing is known of the time
	// between them: the machine slept, or had no processor.
	LookEvery  = 5 * time.Second
	longestGap = 30 * time.Second
	// freshFor is how old a look at the Node may be.
	freshFor = 45 * time.Second
)

// Membership is what the bootstrap agent says of the node's cluster (node.json).
type Membership string

// What it may say. Unsaid is no file.
const (
	Unsaid   Membership = ""
	Alone    Membership = "alone"     // no document names a cluster
	Joining  Membership = "joining"   // one does, and the node is no member yet
	Ready    Membership = "ready"     // the Node is Ready, by a heartbeat of this kubelet
	NotReady Membership = "not-ready" // it is not, or the API server does not answer
	Unknown  Membership = "unknown"   // only kubelet itself can ask for the Node
)

// Health is all that counts for the health of a node on trial.
type Health struct {
	DataFailed bool     // there should be a data partition, and it cannot be used
	Programs   []string // programs of the host that do not serve
	Joined     bool     // the node is a member of a cluster, by its files
	Membership Membership
	Age        time.Duration // of what the agent says
	Pods       []string      // static pods that do not run
	RunsGiven  bool          // a pod runs that kubelet got from its API server in this boot
}

// Why returns why a node is not healthy, or "" when it is.
func (h Health) Why() string {
	switch {
	case h.DataFailed:
		return "the data partition cannot be used"
	case len(h.Programs) > 0:
		return strings.Join(h.Programs, " and ") + " does not serve"
	case h.Membership == Ready && h.Age >= 0 && h.Age <= freshFor: // not in another clock's seconds
		return ""
	case h.Membership == Ready, h.Membership == NotReady && h.Age > freshFor:
		return fmt.Sprintf("the bootstrap agent looked at the Node last %d s ago", int(h.Age.Seconds()))
	case h.Membership == NotReady:
		return "the Node is not Ready in the API"
	case h.Membership == Joining:
		return "the node is no member of its cluster"
	}
	return h.whyUnseen()
}

// whyUnseen is Why where nobody looks at the Node: one without a cluster, or one whose bootstrap agent does not say.
// Kubelet keeps no pod of its API server over a boot, so one that runs shows that the cluster takes kubelet for this
// node, and that kubelet can run what it is given.
func (h Health) whyUnseen() string {
	switch {
	case len(h.Pods) > 0:
		return "static pods do not run: " + strings.Join(h.Pods, ", ")
	case (h.Joined || h.Membership == Unknown) && !h.RunsGiven:
		return "no pod of the cluster runs, and no bootstrap agent says that the Node is Ready in the API"
	}
	return ""
}

// Verdict is what follows from a look at a node on trial.
type Verdict int

// The verdicts.
const (
	Wait Verdict = iota
	Bless
	GiveUp
)

// Watch follows the health of a node on trial. Times are those of CLOCK_BOOTTIME.
type Watch struct {
	looked, since time.Duration
	lost          time.Duration // in which the machine stood still
	well          bool
}

// IsLate reports whether the deadline is over. Time in which the machine stood still does not count: it had no chance.
func (w *Watch) IsLate(up time.Duration) bool { return up-w.lost >= Deadline }

// StartOver has the two healthy minutes begin with the next look.
func (w *Watch) StartOver() { w.well = false }

// Look takes why the node is not healthy at this time, "" if it is. A node that is healthy at the deadline has until it
// breaks.
func (w *Watch) Look(up time.Duration, why string) Verdict {
	isGap := w.looked != 0 && up-w.looked > longestGap
	if isGap {
		w.lost += up - w.looked
	}
	w.looked = up
	if why != "" {
		w.well = false
		if w.IsLate(up) {
			return GiveUp
		}
		return Wait
	}
	if !w.well || isGap {
		w.well, w.since = true, up
	}
	if up-w.since >= HealthyFor {
		return Bless
	}
	return Wait
}
