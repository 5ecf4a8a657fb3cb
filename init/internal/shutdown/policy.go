// Package shutdown stops the machine in order.
package shutdown

import "kios.dev/init/internal/hostapi"

// Action is how the machine ends.
type Action int

// The two ways to end.
const (
	PowerOff Action = iota
	Reboot
)

func (a Action) String() string {
	if a == Reboot {
		return "reboot"
	}
	return "power-off"
}

// Phase is where a shutdown stands.
type Phase int

// A soft shutdown announces itself and waits before it stops; any other stops at once.
const (
	Running Phase = iota
	Announced
	Stopping
)

// Next is the policy: what a command does in a phase. Commands that are no business of a shutdown change nothing, and once the
// ordered stop has begun nothing changes its end.
func Next(phase Phase, command hostapi.Command) (Phase, Action) {
	if phase == Stopping {
		return phase, PowerOff
	}
	switch command {
	case hostapi.SoftShutdown:
		return Announced, PowerOff
	case hostapi.PowerOff:
		return Stopping, PowerOff
	case hostapi.Reboot:
		return Stopping, Reboot
	case hostapi.ContinueShutdown:
		if phase == Announced {
			return Stopping, PowerOff
		}
	}
	return phase, PowerOff
}
