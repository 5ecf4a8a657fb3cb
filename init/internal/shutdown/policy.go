// Package shutdown stops the machine step by step.
package shutdown

import "kios.dev/init/internal/hostapi"

// Action says how the machine ends.
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

// Phase is the progress of a shutdown.
type Phase int

// The phases. A soft shutdown is announced and waits before it stops; any other stops at once.
const (
	Running Phase = iota
	Announced
	Stopping
)

// Next returns the phase and action that follow from a command. Commands that do not concern a shutdown change nothing,
// and once the ordered stop has begun nothing changes its action.
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
