package slots

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Places on the first partition of a board whose own loader starts the kernel.
const (
	SystemsDir = "system"
	// Config is the loader's file of settings, which names the folder of the system that starts.
	Config = "config.txt"
	// BoardKernel is the file without which the loader takes no folder.
	BoardKernel  = "kernel8.img"
	boardModules = "modules.erofs"
	// Sector is how much of Config is ever written, in place: a power cut leaves the old or the new one.
	Sector = 512
)

// Choice is what Config says of the systems.
type Choice struct {
	Next  int `json:"next"`  // generation that the loader starts
	Good  int `json:"good"`  // the one that has proved good
	Trial int `json:"trial"` // the one on trial, or whose trial has failed, or 0
}

var (
	prefixLine = regexp.MustCompile(`(?m)^os_prefix=` + SystemsDir + `/([0-9]{4})/\r?$`)
	stateLine  = regexp.MustCompile(`(?m)^#kios good=([0-9]{4}) trial=([0-9]{4})\r?$`)
	// anyPrefix and filter are what would give the loader another prefix.
	anyPrefix = regexp.MustCompile(`(?m)^\s*os_prefix\s*=`)
	filter    = regexp.MustCompile(`(?m)^\s*\[`)
)

// ParseChoice reads Config. Nobody can tell what a file makes start that names more than one folder.
func ParseChoice(config []byte) (Choice, bool) {
	first := config[:min(len(config), Sector)]
	prefix, state := prefixLine.FindSubmatchIndex(first), stateLine.FindSubmatchIndex(first)
	if prefix == nil || state == nil || len(anyPrefix.FindAllIndex(config, 2)) != 1 || filter.Match(first[:prefix[0]]) {
		return Choice{}, false
	}
	at := func(match []int, group int) int { return number(string(first[match[2*group]:match[2*group+1]])) }
	c := Choice{at(prefix, 1), at(state, 1), at(state, 2)}
	return c, c.Next > 0 && c.Good > 0
}

// In returns the first sector of Config with another choice in the same bytes. ParseChoice has read it.
func (c Choice) In(config []byte) []byte {
	first := slices.Clone(config[:min(len(config), Sector)])
	prefix, state := prefixLine.FindSubmatchIndex(first), stateLine.FindSubmatchIndex(first)
	for at, generation := range map[int]int{prefix[2]: c.Next, state[2]: c.Good, state[4]: c.Trial} {
		copy(first[at:], fmt.Sprintf("%04d", generation))
	}
	return first
}

func (c Choice) String() string {
	return fmt.Sprintf("next %04d, good %04d, trial %04d", c.Next, c.Good, c.Trial)
}

var systemDir = regexp.MustCompile(`^[0-9]{4}$`)

// ParseSystem reads the name of a folder in SystemsDir.
func ParseSystem(name string) (generation int, ok bool) {
	if !systemDir.MatchString(name) {
		return 0, false
	}
	return number(name), number(name) > 0
}

// SystemDir returns the folder of a generation.
func SystemDir(generation int) string { return fmt.Sprintf("%s/%04d", SystemsDir, generation) }

// ModulesFile returns where the modules of a generation's kernel lie that came with it by an update.
func (s Start) ModulesFile() (folder, name string) {
	if s.Board != "" {
		return SystemDir(s.Running), boardModules
	}
	return ImagesDir, ModulesName(s.Running)
}

// OfBoard returns what the prefix says that the loader of a board took for the names of files. It takes none where the
// folder that Config names has no kernel.
func OfBoard(board, prefix string) Start {
	name, ok := strings.CutPrefix(prefix, SystemsDir+"/")
	generation, isSystem := ParseSystem(strings.TrimSuffix(name, "/"))
	switch {
	case board == "":
		return Start{Reason: "the loader of an unknown board started this machine"}
	case !ok || !isSystem || !strings.HasSuffix(name, "/"):
		return Start{Reason: fmt.Sprintf("the board's loader started no folder of %s: it took the prefix %q", SystemsDir, prefix)}
	}
	return Start{Running: generation, Board: board}
}

// decideBoard returns what is to be done and told at a start of a board. The loader counts nothing, so the first act of
// a system on trial is to name the good one: whatever ends this start, the next one is of that. A system has one start.
func decideBoard(s Start, m Medium) Decision {
	running, c := s.Running, *m.Choice
	var want Choice
	d := Decision{Good: []int{}}
	switch {
	case running > c.Good && slices.Contains(m.Images, c.Good):
		d.Trial, d.Good = true, append(d.Good, c.Good)
		want = Choice{c.Good, c.Good, running}
	case running > c.Good: // there is nothing to go back to
		d.Trial = true
		want = Choice{running, c.Good, running}
	case running < c.Good: // a person named it, as a newer one did not come so far as to go back
		want = Choice{running, running, c.Good}
	default:
		want = Choice{running, running, c.Trial}
	}
	if d.Trial {
		d.Bless = []Step{{Kind: Choose, Choice: Choice{running, running, 0}}}
	} else {
		d.Good = append(d.Good, running)
	}
	if want.Trial > running {
		d.Failed = &Failure{want.Trial, whyNotOnBoard(want.Trial, m.Images)}
	}
	if want != c {
		d.Repair = []Step{{Kind: Choose, Choice: want}}
	}
	return d
}

func whyNotOnBoard(generation int, images []int) string {
	if !slices.Contains(images, generation) {
		return fmt.Sprintf("its file %s/%s is missing", SystemDir(generation), BoardKernel)
	}
	return "its start did not come to a healthy node"
}
