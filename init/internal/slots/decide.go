package slots

import (
	"fmt"
	"slices"
)

// Loader is what the loader and the EFI stub left in EFI variables.
type Loader struct {
	Info      string // LoaderInfo: the loader's name
	BootCount string // LoaderBootCountPath: the entry after this start was counted, or ""
	Selected  string // LoaderEntrySelected: the entry that the loader chose, without its counter
	Image     string // StubImageIdentifier: the file that runs
}

// Start is what the variables alone say of this start.
type Start struct {
	Running int    // generation, or 0 when this start is not managed
	Reason  string // why it is not
	Counted bool   // the loader counted this start: the running generation is on trial
	Board   string // the board whose own loader started it, or ""
	chosen  int    // generation that the loader chose; another one than Running when that could not be loaded
	// Closed says that the TPM keeps the data partition closed, because PCR 11 has more than the running generation.
	Closed bool
}

// Of returns what the variables say. The file that runs is the stub's word: the guard may have started another one than
// the loader chose.
func Of(l Loader) Start {
	if l.Info == "" {
		return Start{Reason: "no boot loader started this machine: it was booted from a network, a board's own loader, or a medium with one version of the system"}
	}
	running := generationOf(l.Image)
	if running == 0 {
		return Start{Reason: fmt.Sprintf("%s started %q, which is no file of %s", l.Info, l.Image, ImagesDir)}
	}
	s := Start{Running: running}
	if counted, ok := entryAt(l.BootCount); ok {
		s.Counted = counted.Generation == running
	}
	if chosen, ok := entryAt(l.Selected); ok {
		s.chosen = chosen.Generation
	}
	return s
}

// OnTrial returns the start of a generation that is on trial, whoever counted it.
func (s Start) OnTrial() Start {
	s.Counted = true
	return s
}

// Blessed returns the start as it will be told once the running generation is blessed.
func (s Start) Blessed() Start {
	s.Counted = false
	return s
}

// Medium is what lies on the EFI system partition.
type Medium struct {
	Entries []Entry
	Images  []int   // generations with a file
	Choice  *Choice // what Config of a board says
}

// Step is one change of the folder of entries. Each is atomic, and each decision about a medium on which some were made
// leads to the others.
type Step struct {
	Kind Kind
	// From is the entry to rename or drop, and To the name it gets, or the one that stays.
	From, To Entry
	Choice   Choice // of Choose
}

// Fields returns what the log says of the step.
func (s Step) Fields() []any {
	switch s.Kind {
	case Choose:
		return []any{"step", s.Kind, "next", s.Choice.Next, "good", s.Choice.Good, "trial", s.Choice.Trial}
	case Create:
		return []any{"step", s.Kind, "name", s.To.Name()}
	}
	return []any{"step", s.Kind, "name", s.To.Name(), "from", s.From.Name()}
}

// Kind says what a step does.
type Kind string

// The kinds of steps.
const (
	// Rename gives an entry another name.
	Rename Kind = "rename"
	// Drop removes one of two names of a generation. Both may have the same cluster, so the one that stays is written
	// anew if that is so.
	Drop Kind = "drop"
	// Create makes an entry that is missing.
	Create Kind = "create"
	// Choose writes a choice into Config of a board.
	Choose Kind = "choose"
)

// Failure is a newer generation that did not become the running one.
type Failure struct {
	Generation int    `json:"generation"`
	Why        string `json:"why"`
}

// Decision is what follows from a start and the medium.
type Decision struct {
	Trial  bool
	Left   int // starts that the running generation has, while it is on trial
	Good   []int
	Failed *Failure
	Repair []Step // to take now, in order
	Bless  []Step // to take when the running generation has proved good; nil when it is not on trial
	// Reboot says that the next start is of the running generation alone, once Repair is done, and opens the partition.
	Reboot bool
}

// Decide returns what is to be done and told at a start.
func Decide(s Start, m Medium) Decision {
	if m.Choice != nil {
		return decideBoard(s, m)
	}
	var d Decision
	entries := d.breakPairs(s, m.Entries)
	d.judgeRunning(s, entries)
	d.Good = goodOf(s, d.Trial, entries, m.Images)
	d.judgeNewer(s, entries, m.Images)
	return d
}

// breakPairs leaves each generation one counted entry, that with the fewest starts left, and the running one no counted
// entry beside its plain one. Two counted entries are an endless loop: the loader cannot rename one to the other's
// name, and starts without counting.
func (d *Decision) breakPairs(s Start, entries []Entry) []Entry {
	left := slices.Clone(entries)
	slices.SortFunc(left, compare)
	for i := 1; i < len(left); {
		keep, other := left[i-1], left[i]
		same := keep.Generation == other.Generation
		switch {
		case same && keep.Counted:
		case same && keep.Generation == s.Running && !s.Counted:
		default:
			i++
			continue
		}
		d.Repair = append(d.Repair, Step{Kind: Drop, From: other, To: keep})
		left = slices.Delete(left, i, i+1)
	}
	return left
}

// compare orders entries by generation, each with its plain entry first and then those with fewer starts left.
func compare(a, b Entry) int {
	rank := func(e Entry) int {
		if !e.Counted {
			return -1
		}
		return e.Left
	}
	switch {
	case a.Generation != b.Generation:
		return a.Generation - b.Generation
	case rank(a) != rank(b):
		return rank(a) - rank(b)
	}
	return b.Done - a.Done
}

// judgeRunning finds out whether the running generation is on trial. Init counts a start that the loader could not
// count, so that the trial ends.
func (d *Decision) judgeRunning(s Start, entries []Entry) {
	plain, counted, isPlain, isCounted := find(entries, s.Running)
	switch {
	case isPlain && isCounted && s.Counted: // the loader should have chosen the plain one: whose blessing that was is not known
		d.Trial, d.Left, d.Bless = true, counted.Left, []Step{{Kind: Drop, From: counted, To: plain}}
		return
	case isPlain:
		return
	case !isCounted && !s.Counted: // the guard started it: without an entry a newer one that fails would be started for ever
		d.Repair = append(d.Repair, Step{Kind: Create, To: Entry{Generation: s.Running}})
		return
	case !isCounted: // its entry was lost since the loader counted
		d.Trial, d.Bless = true, []Step{{Kind: Create, To: Entry{Generation: s.Running}}}
		return
	}
	if !s.Counted && counted.Left > 0 {
		d.Repair = append(d.Repair, Step{Kind: Rename, From: counted, To: counted.counted()})
		counted = counted.counted()
	}
	d.Trial, d.Left, d.Bless = true, counted.Left, []Step{{Kind: Rename, From: counted, To: counted.Blessed()}}
}

// judgeNewer tells of the newest generation above the running one. It is there because it did not start, or did not
// stay: nobody stages a generation while another one is on trial. A trial that has ended is not begun again by a later
// start. A good one loses its starts only where it keeps the data partition closed.
func (d *Decision) judgeNewer(s Start, entries []Entry, images []int) {
	newest := 0
	for _, e := range entries {
		newest = max(newest, e.Generation)
	}
	if newest <= s.Running {
		return
	}
	plain, counted, isPlain, isCounted := find(entries, newest)
	d.Failed = &Failure{newest, whyNot(s, newest, counted, slices.Contains(images, newest), isCounted && !isPlain && counted.Left == 0)}
	returned := s.Closed && s.chosen == newest // it was measured, and the guard started the running one after it
	switch {
	case isCounted && !isPlain && counted.Left > 0:
		d.Repair = append(d.Repair, Step{Kind: Rename, From: counted, To: counted.Spent()})
	case isPlain && returned:
		if isCounted {
			d.Repair = append(d.Repair, Step{Kind: Drop, From: counted, To: plain})
		}
		d.Repair = append(d.Repair, Step{Kind: Rename, From: plain, To: plain.Spent()})
	default:
		return
	}
	d.Reboot = returned
}

func whyNot(s Start, generation int, counted Entry, there, spent bool) string {
	switch {
	case !there:
		return fmt.Sprintf("its file %s/%s is missing", ImagesDir, ImageName(generation))
	case spent && counted.Done == 0:
		return "it was good, and could not be started any more"
	case spent:
		return fmt.Sprintf("none of its %d starts came to a healthy node", counted.Done)
	case s.chosen == generation:
		return fmt.Sprintf("the firmware could not start its file %s/%s", ImagesDir, ImageName(generation))
	}
	return "the loader did not choose it"
}

// goodOf returns the generations that have proved good and can be started, in order.
func goodOf(s Start, trial bool, entries []Entry, images []int) []int {
	good := []int{}
	for _, e := range entries {
		isOnTrial := trial && e.Generation == s.Running
		if !e.Counted && !isOnTrial && slices.Contains(images, e.Generation) {
			good = append(good, e.Generation)
		}
	}
	if !trial && !slices.Contains(good, s.Running) {
		good = append(good, s.Running)
	}
	slices.Sort(good)
	return slices.Compact(good)
}

func find(entries []Entry, generation int) (plain, counted Entry, isPlain, isCounted bool) {
	for _, e := range entries {
		switch {
		case e.Generation != generation:
		case e.Counted:
			counted, isCounted = e, true
		default:
			plain, isPlain = e, true
		}
	}
	return plain, counted, isPlain, isCounted
}
