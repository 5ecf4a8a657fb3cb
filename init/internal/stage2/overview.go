package stage2

import (
	"errors"
	"os"
	"strings"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/overview"
)

const (
	metricsDir = runDir + "/metrics"

	// settle is how long the picture waits for more lines after one.
	settle = 2 * time.Second
	// lookEvery is how often it is made without a line: leases run out, and clocks drift, silently.
	lookEvery = time.Minute
	// leastPause lies between two pages, and showEvery between two equal ones, for a person who comes later.
	leastPause = 10 * time.Second
	showEvery  = 10 * time.Minute
)

// keepOverview shows a page on the consoles whenever it is another one, and keeps the metrics and state.json. It ends
// with the machine.
func (h *host) keepOverview() {
	var shown page
	ticks := time.Tick(lookEvery)
	for {
		select {
		case <-h.overview.Changed():
			time.Sleep(settle)
		case <-ticks:
		}
		told, files := h.overview.Told(), overview.ReadFiles(runDir)
		facts := files.Facts(clock.Seconds(clock.Uptime()), told)
		if text := overview.Page("version "+strings.TrimPrefix(status(), "kiOS "), facts); shown.isDue(text, time.Now()) {
			h.log.Show([]byte(text))
		}
		h.writeOverview(overview.Metrics(facts), stateNow(facts.Up, told, files))
	}
}

// page is what the consoles show.
type page struct {
	text string
	at   time.Time
}

// isDue reports whether a text is to be shown now, and remembers that it is. A change that comes too soon is shown with
// the next look.
func (p *page) isDue(text string, now time.Time) bool {
	pause := showEvery
	if text != p.text {
		pause = leastPause
	}
	if !p.at.IsZero() && now.Sub(p.at) < pause {
		return false
	}
	*p = page{text, now}
	return true
}

// writeOverview writes to no disk: both folders are in RAM.
func (h *host) writeOverview(metrics []byte, state overview.State) {
	err := errors.Join(
		atomicfile.Write(metricsDir+"/init.prom", metrics, 0o644),
		atomicfile.WriteJSON(runDir+"/log/state.json", state),
	)
	if err != nil && !h.overviewFailed {
		h.overviewFailed = true // each such line would bring the next
		h.log.Warn("host.failed", "what", "metrics and state of the node", "cause", err)
	}
}

func stateNow(up float64, told overview.Told, files overview.Files) overview.State {
	name, _ := os.Hostname()
	mountinfo, _ := os.ReadFile("/proc/self/mountinfo")
	modules, _ := os.ReadFile("/proc/modules")
	return overview.State{
		V: 1, T: time.Now().UTC().Format(time.RFC3339), Up: up, Hostname: name,
		Addresses: addresses("/sys/class/net", "/proc/net"), Told: told, Files: files,
		Loaded: overview.Modules(string(modules)), Mounts: overview.Mounts(string(mountinfo)),
	}
}
