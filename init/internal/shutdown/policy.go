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

// The phases. A soft shutdown is announced and waits; any other prepares at once: kubelet ends the pods. Then init
// stops what is left.
const (
	Running Phase = iota
	Announced
	Preparing
	Stopping
)

// State is a phase, and how the machine ends if it does.
type State struct {
	Phase  Phase
	Action Action
}

// Next returns the state that follows from a command. Commands that do not concern a shutdown change nothing, and once
// init stops what is left nothing does.
func Next(s State, command hostapi.Command) State {
	if s.Phase == Stopping {
		return s
	}
	switch command {
	case hostapi.SoftShutdown:
		if s.Phase == Running {
			return State{Announced, PowerOff}
		}
	case hostapi.PowerOff:
		return State{Preparing, PowerOff}
	case hostapi.Reboot:
		return State{Preparing, Reboot}
	case hostapi.ContinueShutdown:
		if s.Phase != Running {
			return State{s.Phase + 1, s.Action}
		}
	case hostapi.CallOffShutdown:
		return State{}
	}
	return s
}

// Press returns the command that a press of the power button is: the first one asks, each later one ends a wait.
func Press(s State) hostapi.Command {
	if s.Phase == Running {
		return hostapi.SoftShutdown
	}
	return hostapi.ContinueShutdown
}
