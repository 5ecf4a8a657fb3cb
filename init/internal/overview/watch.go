// Package overview makes one picture of the node out of what its parts tell: a page for a person at the console,
// metrics, and a file that `kios doctor` fetches.
package overview

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"sync"

	"kios.dev/init/internal/oneline"
)

const (
	mostTold  = 5  // faults that a page shows, the latest
	mostCodes = 64 // that are counted apart; a pod that makes up more is counted as "other"
	other     = "other"
	longest   = 240 // bytes of a text of others
)

var isCode = regexp.MustCompile(`^KIOS_[A-Z0-9_]{1,60}$`).MatchString

// Fault is something that is or was wrong, in words of a line of the console.
type Fault struct {
	Code      string  `json:"code"`
	By        string  `json:"by,omitempty"` // who said it: init, or a pod
	Cause     string  `json:"cause"`        // reads well after "cannot"
	Remedy    string  `json:"remedy,omitempty"`
	Condition string  `json:"condition,omitempty"`
	Up        float64 `json:"up"` // seconds of CLOCK_BOOTTIME at which it began, or was said last
}

// Program is one of the host's programs.
type Program struct {
	Name   string `json:"name"`
	Starts int    `json:"starts"`
	Ends   int    `json:"ends"` // by itself
}

// Told is what the lines of the console have told so far.
type Told struct {
	Programs []Program      `json:"programs"`
	Last     []Fault        `json:"last"`   // the latest first, of each code one
	Counts   map[string]int `json:"counts"` // lines that told a fault, by its code
}

// Watch reads the lines of the console. Its methods may be called from any goroutine.
type Watch struct {
	mu      sync.Mutex
	told    Told
	changed chan struct{}
}

// NewWatch returns a Watch that has seen no line.
func NewWatch() *Watch {
	return &Watch{
		told:    Told{Programs: []Program{{Name: "containerd"}, {Name: "kubelet"}}, Counts: map[string]int{}},
		changed: make(chan struct{}, 1),
	}
}

// Changed gets a value after lines: whatever a page shows changes with one.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// Told returns a copy of what was told.
func (w *Watch) Told() Told {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := make(map[string]int, len(w.told.Counts))
	for code, n := range w.told.Counts {
		counts[code] = n
	}
	return Told{slices.Clone(w.told.Programs), slices.Clone(w.told.Last), counts}
}

// message is what matters of a line (docs/host-api.md, section 7).
type message struct {
	Up        float64 `json:"up"`
	Level     string  `json:"lvl"`
	Event     string  `json:"ev"`
	Code      any     `json:"code"` // of a fault; the end of a program has a number
	Cause     any     `json:"cause"`
	Remedy    string  `json:"remedy"`
	Condition string  `json:"condition"`
	Child     string  `json:"child"`
	Err       *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Remedy  string `json:"remedy"`
	} `json:"err"`
}

// Line takes a line of the console. It never waits.
func (w *Watch) Line(line []byte) {
	select {
	case w.changed <- struct{}{}:
	default:
	}
	by, text := sender(line)
	if by != "init" && !bytes.Contains(text, []byte(`"code":"KIOS_`)) {
		return // of pods only faults count
	}
	var m message
	if json.Unmarshal(text, &m) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if by == "init" {
		w.programEvent(m)
	}
	if f, ok := faultOf(by, m); ok {
		w.fault(f)
	}
}

// sender splits a line. Only a line that begins with a brace is init's own.
func sender(line []byte) (by string, text []byte) {
	if bytes.HasPrefix(line, []byte("{")) {
		return "init", line
	}
	before, _, found := bytes.Cut(line, []byte(": {"))
	if !found {
		return "", nil
	}
	return short(string(before)), line[len(before)+2:]
}

func (w *Watch) programEvent(m message) {
	for i := range w.told.Programs {
		p := &w.told.Programs[i]
		switch {
		case m.Event == p.Name+".start":
			p.Starts++
		case m.Event == "child.exit" && m.Child == p.Name && m.Level == "warn":
			p.Ends++
		}
	}
}

// faultOf returns the fault of a line, if it has one with a code.
func faultOf(by string, m message) (Fault, bool) {
	code, _ := m.Code.(string)
	cause, _ := m.Cause.(string)
	f := Fault{Code: code, By: by, Cause: cause, Remedy: m.Remedy, Condition: m.Condition, Up: m.Up}
	if code == "" && m.Err != nil {
		f.Code, f.Cause, f.Remedy = m.Err.Code, m.Err.Message, m.Err.Remedy
	}
	f.Cause, f.Remedy, f.Condition = short(f.Cause), short(f.Remedy), short(f.Condition)
	return f, isCode(f.Code) && (m.Level == "warn" || m.Level == "error")
}

func (w *Watch) fault(f Fault) {
	code := f.Code
	if _, known := w.told.Counts[code]; !known && len(w.told.Counts) >= mostCodes {
		code = other
	}
	w.told.Counts[code]++
	w.told.Last = slices.DeleteFunc(w.told.Last, func(old Fault) bool { return old.Code == f.Code })
	w.told.Last = slices.Insert(w.told.Last, 0, f)
	w.told.Last = w.told.Last[:min(len(w.told.Last), mostTold)]
}

// short makes one line of a text of others that fits a row or two.
func short(text string) string { return oneline.Of(text, longest) }
