// Package repeat says again, each minute, what keeps this node from running pods. While kubelet and containerd run, the
// bootstrap pod says what is wrong; without them nobody else can.
package repeat

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kios.dev/init/internal/fault"
)

const (
	// patience is how long a program may take until it serves: a slow board's kubelet alone needs most of a minute.
	patience = 2 * time.Minute
	// manyEnds in a row are no accident any more.
	manyEnds = 3
	// settled is how long a program that kept ending has to live.
	settled = time.Minute
	every   = time.Minute
)

// program is what is known of one of the host's programs.
type program struct {
	code, remedy string
	seen         bool // it was to be started
	ready        bool
	idle         time.Time // since when it has not served, while it does not
	born         time.Time // of the last start
	ends         int       // in a row, by itself
	words        string    // in which it said why it ended
}

// Faults keeps what is wrong with this boot. Its methods may be called from any goroutine; the zero value is not ready.
type Faults struct {
	mu       sync.Mutex
	programs map[string]*program
	order    []string // a program without those before it does not run either
	lasting  []*fault.Error
	said     []string // codes of what was said last
	saidAt   time.Time
}

// New returns Faults without any.
func New() *Faults {
	return &Faults{
		order: []string{"containerd", "kubelet"},
		programs: map[string]*program{
			"containerd": {code: fault.Runtime, remedy: "Boot with kios.console=all to see containerd's log. Flash the medium again if its files are damaged."},
			"kubelet":    {code: fault.Kubelet, remedy: "Boot with kios.console=all to see kubelet's log. Take back the last change of the bootstrap document, or of the medium."},
		},
	}
}

// Starting notes a start of a program that has ended by itself this often in a row.
func (f *Faults) Starting(name string, ends int, now time.Time) {
	f.with(name, func(p *program) {
		if !p.seen {
			p.seen, p.idle = true, now
		}
		p.ends, p.born = ends, now
	})
}

// Ready notes that a program serves. What it said before is no cause of a later fault.
func (f *Faults) Ready(name string) { f.with(name, func(p *program) { p.ready, p.words = true, "" }) }

// Serves reports whether a program has said that it serves since its last start.
func (f *Faults) Serves(name string) (serves bool) {
	f.with(name, func(p *program) { serves = p.ready })
	return serves
}

// Ended notes the end of a program.
func (f *Faults) Ended(name string, now time.Time) {
	f.with(name, func(p *program) {
		if p.ready {
			p.ready, p.idle = false, now
		}
	})
}

// Line takes a line of a program's output.
func (f *Faults) Line(name string, line []byte) {
	if words := lastWords(name, line); words != "" {
		f.with(name, func(p *program) { p.words = words })
	}
}

// Lasting notes a fault that this boot does not get over. One without a code is no fault of an operator's.
func (f *Faults) Lasting(err error) {
	var lasting *fault.Error
	if !errors.As(err, &lasting) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lasting = append(f.lasting, lasting)
}

func (f *Faults) with(name string, change func(*program)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.programs[name]; p != nil {
		change(p)
	}
}

// Due returns what is to be said now: all faults when one begins, and again after a minute. over are the codes of what
// was said before and is no fault any more. A lasting fault is never over: while all programs serve it is not said.
func (f *Faults) Due(now time.Time) (say []*fault.Error, over []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.current(now)
	due := now.Sub(f.saidAt) >= every
	var codes []string
	for _, one := range all {
		codes = append(codes, one.Code)
		due = due || !slices.Contains(f.said, one.Code)
	}
	for _, code := range f.said {
		if !slices.Contains(codes, code) && !f.lasts(code) {
			over = append(over, code)
		}
	}
	f.said = codes
	if len(all) == 0 || !due {
		return nil, over
	}
	f.saidAt = now
	return all, over
}

func (f *Faults) lasts(code string) bool {
	return slices.ContainsFunc(f.lasting, func(one *fault.Error) bool { return one.Code == code })
}

// current returns the first program that does not run, and then what else is wrong with the boot.
func (f *Faults) current(now time.Time) []*fault.Error {
	for _, name := range f.order {
		if why := f.programs[name].fault(now); why != nil {
			p := f.programs[name]
			return append([]*fault.Error{fault.New(p.code, "run "+name, p.remedy, why)}, f.lasting...)
		}
	}
	return nil
}

// fault returns why a program does not serve, or nil.
func (p *program) fault(now time.Time) error {
	if !p.seen {
		return nil
	}
	because := ""
	if p.words != "" {
		because = ": " + p.words
	}
	if p.ends >= manyEnds && now.Sub(p.born) < settled {
		return fmt.Errorf("it has ended %d times in a row%s", p.ends, because)
	}
	if silent := now.Sub(p.idle); !p.ready && silent >= patience {
		return fmt.Errorf("it has not served for %d s%s", int(silent.Seconds()), because)
	}
	return nil
}
