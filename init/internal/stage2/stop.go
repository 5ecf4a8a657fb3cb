package stage2

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/login1"
	"kios.dev/init/internal/shutdown"
)

// softWait is the time that pods have between the announcement of a shutdown and its beginning.
const softWait = 10 * time.Second

// shutdownSignals turns the kernel's requests into commands. Ctrl-Alt-Del arrives as SIGINT, a power failure as SIGPWR.
// Without it and what it does to the other signals, each of them ends a program of Go, and process 1 with the machine:
// people send SIGHUP so that an init reads its files again. They are caught and not ignored, for containerd and kubelet
// would inherit that.
func shutdownSignals() <-chan hostapi.Command {
	signals, commands := make(chan os.Signal, 4), make(chan hostapi.Command, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGPWR)
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGQUIT, unix.SIGABRT)
	go func() {
		for s := range signals {
			if s == unix.SIGPWR {
				commands <- hostapi.PowerOff
			} else {
				commands <- hostapi.Reboot
			}
		}
	}()
	return commands
}

// The time that containers have after SIGTERM: politeLimit for what kubelet left, and abruptLimit, Kubernetes' own
// grace period, where kubelet did not end them.
const (
	politeLimit = 10 * time.Second
	abruptLimit = 30 * time.Second
)

// containerLimit returns the time that containers have after kubelet did its part, or did not.
func containerLimit(pods login1.Outcome) time.Duration {
	if pods == login1.Done || pods == login1.Cut {
		return politeLimit
	}
	return abruptLimit
}

// stop ends the machine. Every step has a deadline, so it takes at most the sum of them.
func (h *host) stop(action shutdown.Action, pods login1.Outcome) {
	const second = time.Second
	limit := containerLimit(pods)
	steps := []shutdown.Step{
		{Name: "kubelet", Deadline: 12 * second, Do: func() error { h.kubelet.Stop(10 * second); return nil }},
		{Name: "containers", Deadline: limit + 2*second, Do: func() error { return shutdown.StopContainers(cgroupRoot+"/kubepods", limit) }},
		{Name: "containerd", Deadline: 7 * second, Do: func() error { h.containerd.Stop(5 * second); return nil }},
		{Name: "store", Deadline: storeKeepLimit + second, Do: h.keepPulledImages},
		{Name: "rest", Deadline: 2 * second, Do: shutdown.KillRest},
		{Name: "logs", Deadline: 5 * second, Do: func() error { return h.log.Settle(action.String()) }},
		{Name: "record", Deadline: 2 * second, Do: h.recordEnd},
		{Name: "sync", Deadline: 10 * second, Do: shutdown.Sync},
		{Name: "unmount", Deadline: shutdown.UnmountLimit, Do: shutdown.Unmount},
	}
	h.beginStop(action, shutdown.Longest(steps))
	shutdown.Run(steps, h.log)
	h.endStop(action)
	shutdown.End(action, h.log)
}
