package stage2

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/shutdown"
)

// softWait is the time that pods have between the announcement of a shutdown and its beginning.
const softWait = 10 * time.Second

// shutdownSignals turns the kernel's requests into commands. Ctrl-Alt-Del arrives as SIGINT, a power failure as SIGPWR.
func shutdownSignals() <-chan hostapi.Command {
	signals, commands := make(chan os.Signal, 4), make(chan hostapi.Command, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGPWR)
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

// stop ends the machine. Every step has a deadline, so it takes at most the sum of them.
func (h *host) stop(action shutdown.Action) {
	const second = time.Second
	h.log.Info("shutdown.start", "action", action.String())
	shutdown.Run([]shutdown.Step{
		{Name: "kubelet", Deadline: 12 * second, Do: func() error { h.kubelet.Stop(10 * second); return nil }},
		{Name: "containers", Deadline: 12 * second, Do: func() error { return shutdown.StopContainers(cgroupRoot+"/kubepods", 10*second) }},
		{Name: "containerd", Deadline: 7 * second, Do: func() error { h.containerd.Stop(5 * second); return nil }},
		{Name: "store", Deadline: storeKeepLimit + second, Do: h.keepPulledImages},
		{Name: "rest", Deadline: 2 * second, Do: shutdown.KillRest},
		{Name: "logs", Deadline: 5 * second, Do: func() error { return h.log.Settle(action.String()) }},
		{Name: "sync", Deadline: 10 * second, Do: func() error { unix.Sync(); return nil }},
		{Name: "unmount", Deadline: 10 * second, Do: shutdown.Unmount},
	}, h.log)
	shutdown.End(action, h.log)
}
