package stage2

import (
	"os"
	"slices"
	"strings"
	"sync"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/stage1"
)

// latestPhases is how many phases with one name are kept besides the first.
const latestPhases = 8

type phase struct {
	Name string  `json:"name"`
	Up   float64 `json:"up"`
}

// bootState is the content of boot.json.
type bootState struct {
	V            int     `json:"v"`
	BootID       string  `json:"bootId"`
	Version      string  `json:"version"`
	BuildTime    string  `json:"buildTime"`
	Kernel       string  `json:"kernel"`
	ClockFloored bool    `json:"clockFloored"`
	Data         string  `json:"data"`
	DataReason   string  `json:"dataReason,omitempty"`
	Phases       []phase `json:"phases"`
}

// phases records when each step of the boot was reached, and writes boot.json.
type phases struct {
	mu    sync.Mutex
	path  string
	state bootState
}

func newPhases(path string, times stage1.Times) *phases {
	p := &phases{path: path, state: bootState{V: 1}}
	if times.Root != 0 {
		p.state.Phases = []phase{{"init", clock.Seconds(times.Start)}, {"root", clock.Seconds(times.Root)}}
	}
	return p
}

func (p *phases) reached(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Phases = keep(p.state.Phases, phase{name, clock.Seconds(clock.Uptime())})
}

// passed reports whether the phase has been reached in this boot.
func (p *phases) passed(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.state.Phases, func(each phase) bool { return each.Name == name })
}

// keep adds a phase. Of those with its name the first stays, which belongs to the boot, and the latest: a program that
// keeps ending starts for as long as the machine runs.
func keep(list []phase, reached phase) []phase {
	list = append(list, reached)
	times, second := 0, 0
	for i, each := range list {
		if each.Name != reached.Name {
			continue
		}
		if times++; times == 2 {
			second = i
		}
	}
	if times > 1+latestPhases {
		list = slices.Delete(list, second, second+1)
	}
	return list
}

// change alters the state, which the next save writes.
func (p *phases) change(change func(*bootState)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.state)
}

// save applies change, if there is one, and writes boot.json.
func (p *phases) save(change func(*bootState)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if change != nil {
		change(&p.state)
	}
	return atomicfile.WriteJSON(p.path, p.state)
}

func (p *phases) list() []phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.state.Phases)
}

func readLine(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}
