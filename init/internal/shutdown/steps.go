package shutdown

import (
	"time"

	"golang.org/x/sys/unix"
)

// Step is a part of the ordered stop. A step that exceeds its deadline is abandoned, because the machine must end.
type Step struct {
	Name     string
	Deadline time.Duration
	Do       func() error
}

// Log is the part of the event log that a stop needs.
type Log interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
	Flush(limit time.Duration)
}

// Run takes the steps one after another and logs each.
func Run(steps []Step, log Log) {
	for _, step := range steps {
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- step.Do() }()
		var err error
		outcome := "done"
		select {
		case err = <-done:
		case <-time.After(step.Deadline):
			outcome = "deadline"
		}
		fields := []any{"step", step.Name, "ms", time.Since(start).Milliseconds(), "outcome", outcome}
		if err != nil {
			log.Warn("shutdown.step", append(fields, "cause", err)...)
		} else {
			log.Info("shutdown.step", fields...)
		}
	}
}

// Longest returns the time after which Run has taken all steps.
func Longest(steps []Step) (limit time.Duration) {
	for _, step := range steps {
		limit += step.Deadline
	}
	return limit
}

// End switches the machine off or reboots it. It does not return.
func End(action Action, log Log) {
	log.Info("shutdown.end", "action", action.String())
	log.Flush(time.Second)
	if action == Reboot {
		unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	}
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	unix.Reboot(unix.LINUX_REBOOT_CMD_HALT) // for a machine that cannot switch itself off
}
