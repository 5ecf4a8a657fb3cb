package slots

import (
	"reflect"
	"slices"
	"testing"
)

const info = "systemd-boot 257.13-1~deb13u1"

func TestTheVariablesSayWhatRuns(t *testing.T) {
	for _, c := range []struct {
		name string
		l    Loader
		want Start
	}{
		{"blessed", Loader{Info: info, Selected: "kios-0001.conf", Image: `\EFI\kios\0001.efi`}, Start{Running: 1, chosen: 1}},
		{"on trial", Loader{info, `\loader\entries\kios-0002+2-1.conf`, "kios-0002.conf", `\EFI\kios\0002.efi`}, Start{Running: 2, Counted: true, chosen: 2}},
		{"in capitals", Loader{info, `\loader\entries\KIOS-0002+2-1.CONF`, "KIOS-0002.CONF", `\EFI\KIOS\0002.EFI`}, Start{Running: 2, Counted: true, chosen: 2}},
		{"the guard started the fallback", Loader{info, `\loader\entries\kios-0002+2-1.conf`, "kios-0002.conf", `\EFI\kios\0001.efi`}, Start{Running: 1, chosen: 2}},
	} {
		if got := Of(c.l); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for _, l := range []Loader{
		{}, {Image: `\EFI\BOOT\BOOTX64.EFI`}, {Image: `\EFI\kios\0001.efi`}, {Info: info, Image: `\EFI\BOOT\BOOTX64.EFI`},
		{Info: info}, {Info: info, Image: `\EFI\Linux\0001.efi`}, {Info: info, Image: `\EFI\kios\0000.efi`}, {Info: info, Image: `0001.efi`},
	} {
		if got := Of(l); got.Running != 0 || got.Reason == "" {
			t.Errorf("%+v is managed: %+v", l, got)
		}
	}
}

// The starts of the tables. Each generation that a name tells of has its file, unless the table says otherwise.
var (
	one     = Start{Running: 1, chosen: 1}
	two     = Start{Running: 2, chosen: 2}
	onTrial = Start{Running: 2, Counted: true, chosen: 2}
	fell    = Start{Running: 1, chosen: 2} // the guard started the fallback
)

func medium(names ...string) Medium {
	var m Medium
	for _, name := range names {
		if e, ok := ParseEntry(name); ok {
			m.Entries = append(m.Entries, e)
			m.Images = append(m.Images, e.Generation)
		}
	}
	return m
}

func entry(name string) Entry { e, _ := ParseEntry(name); return e }

// steps writes steps as `rename A B`, `drop A B` and `create A`.
func steps(list []Step) (said []string) {
	for _, s := range list {
		text := string(s.Kind)
		if s.From != (Entry{}) {
			text += " " + s.From.Name()
		}
		said = append(said, text+" "+s.To.Name())
	}
	return said
}

var decisions = []struct {
	name   string
	start  Start
	names  []string
	trial  bool
	left   int
	good   []int
	failed *Failure
	repair []string
	bless  []string
}{
	{"a fresh medium", one, []string{"kios-0001.conf"}, false, 0, []int{1}, nil, nil, nil},
	{"a blessed update", two, []string{"kios-0001.conf", "kios-0002.conf"}, false, 0, []int{1, 2}, nil, nil, nil},
	{"the first start on trial", onTrial, []string{"kios-0001.conf", "kios-0002+2-1.conf"}, true, 2, []int{1}, nil, nil,
		[]string{"rename kios-0002+2-1.conf kios-0002.conf"}},
	{"the last start on trial", onTrial, []string{"kios-0001.conf", "kios-0002+0-3.conf"}, true, 0, []int{1}, nil, nil,
		[]string{"rename kios-0002+0-3.conf kios-0002.conf"}},
	{"all starts are spent", one, []string{"kios-0001.conf", "kios-0002+0-3.conf"}, false, 0, []int{1},
		&Failure{2, "none of its 3 starts came to a healthy node"}, nil, nil},
	{"a file on trial that does not load", fell, []string{"kios-0001.conf", "kios-0002+2-1.conf"}, false, 0, []int{1},
		&Failure{2, "the firmware could not start its file EFI/kios/0002.efi"}, []string{"rename kios-0002+2-1.conf kios-0002+0-3.conf"}, nil},
	{"a blessed file that rots", fell, []string{"kios-0001.conf", "kios-0002.conf"}, false, 0, []int{1, 2},
		&Failure{2, "the firmware could not start its file EFI/kios/0002.efi"}, nil, nil},
	{"a blessed entry that the loader drops", one, []string{"kios-0001.conf", "kios-0002.conf"}, false, 0, []int{1, 2},
		&Failure{2, "the loader did not choose it"}, nil, nil},
	{"an older one that failed once", Start{Running: 3, chosen: 3}, []string{"kios-0001.conf", "kios-0002+0-3.conf", "kios-0003.conf"}, false, 0, []int{1, 3}, nil, nil, nil},
	{"nothing but trials", onTrial, []string{"kios-0001+0-4.conf", "kios-0002+0-4.conf"}, true, 0, []int{}, nil, nil,
		[]string{"rename kios-0002+0-4.conf kios-0002.conf"}},
	{"the loader could not count", two, []string{"kios-0001.conf", "kios-0002+3-0.conf"}, true, 2, []int{1}, nil,
		[]string{"rename kios-0002+3-0.conf kios-0002+2-1.conf"}, []string{"rename kios-0002+2-1.conf kios-0002.conf"}},
	{"the loop of two counters", two, []string{"kios-0001.conf", "kios-0002+2-1.conf", "kios-0002+3-0.conf"}, true, 1, []int{1}, nil,
		[]string{"drop kios-0002+3-0.conf kios-0002+2-1.conf", "rename kios-0002+2-1.conf kios-0002+1-2.conf"}, []string{"rename kios-0002+1-2.conf kios-0002.conf"}},
	{"the loop at its end", two, []string{"kios-0001.conf", "kios-0002+0-3.conf", "kios-0002+1-2.conf"}, true, 0, []int{1}, nil,
		[]string{"drop kios-0002+1-2.conf kios-0002+0-3.conf"}, []string{"rename kios-0002+0-3.conf kios-0002.conf"}},
	{"two counters of a generation that does not run", one, []string{"kios-0001.conf", "kios-0002+0-3.conf", "kios-0002+1-2.conf"}, false, 0, []int{1},
		&Failure{2, "none of its 3 starts came to a healthy node"}, []string{"drop kios-0002+1-2.conf kios-0002+0-3.conf"}, nil},
	{"three counters", two, []string{"kios-0002+1-2.conf", "kios-0002+3-0.conf", "kios-0002+2-1.conf", "kios-0001.conf"}, true, 0, []int{1}, nil,
		[]string{"drop kios-0002+2-1.conf kios-0002+1-2.conf", "drop kios-0002+3-0.conf kios-0002+1-2.conf", "rename kios-0002+1-2.conf kios-0002+0-3.conf"},
		[]string{"rename kios-0002+0-3.conf kios-0002.conf"}},
	{"a blessing with both names", two, []string{"kios-0001.conf", "kios-0002.conf", "kios-0002+2-1.conf"}, false, 0, []int{1, 2}, nil,
		[]string{"drop kios-0002+2-1.conf kios-0002.conf"}, nil},
	{"both names of another generation", one, []string{"kios-0001.conf", "kios-0002.conf", "kios-0002+2-1.conf"}, false, 0, []int{1, 2},
		&Failure{2, "the loader did not choose it"}, nil, nil},
	{"both names, and the counted one was chosen", onTrial, []string{"kios-0001.conf", "kios-0002.conf", "kios-0002+2-1.conf"}, true, 2, []int{1}, nil, nil,
		[]string{"drop kios-0002+2-1.conf kios-0002.conf"}},
	{"somebody blessed it since", onTrial, []string{"kios-0001.conf", "kios-0002.conf"}, false, 0, []int{1, 2}, nil, nil, nil},
	{"its entry was lost since", onTrial, []string{"kios-0001.conf", "KIOS-0~1.CON"}, true, 0, []int{1}, nil, nil, []string{"create kios-0002.conf"}},
	{"the running one has no entry", one, []string{"k.tmp"}, false, 0, []int{1}, nil, []string{"create kios-0001.conf"}, nil},
	{"the good one has no entry, and a newer one fails", fell, []string{"kios-0002+2-1.conf"}, false, 0, []int{1},
		&Failure{2, "the firmware could not start its file EFI/kios/0002.efi"}, []string{"create kios-0001.conf", "rename kios-0002+2-1.conf kios-0002+0-3.conf"}, nil},
}

func TestADecisionFollowsFromTheNames(t *testing.T) {
	for _, c := range decisions {
		m := medium(c.names...)
		d := Decide(c.start, m)
		if d.Trial != c.trial || d.Left != c.left || !slices.Equal(d.Good, c.good) || !reflect.DeepEqual(d.Failed, c.failed) {
			t.Errorf("%s: trial %v, left %d, good %v, failed %+v", c.name, d.Trial, d.Left, d.Good, d.Failed)
		}
		if got := steps(d.Repair); !slices.Equal(got, c.repair) {
			t.Errorf("%s: repairs %q", c.name, got)
		}
		if got := steps(d.Bless); !slices.Equal(got, c.bless) || c.trial != (d.Bless != nil) {
			t.Errorf("%s: blesses by %q", c.name, got)
		}
	}
}

// The guard started the running generation in the power-on in which another one was measured.
func TestANewerGenerationThatKeepsThePartitionClosedIsPassedOverAfterOneReboot(t *testing.T) {
	closed := Start{Running: 1, chosen: 2, Closed: true}
	for _, c := range []struct {
		name   string
		start  Start
		names  []string
		repair []string
		reboot bool
		why    string // of the next start
	}{
		{"good", closed, []string{"kios-0001.conf", "kios-0002.conf"},
			[]string{"rename kios-0002.conf kios-0002+0-0.conf"}, true, "it was good, and could not be started any more"},
		{"on trial", closed, []string{"kios-0001.conf", "kios-0002+2-1.conf"},
			[]string{"rename kios-0002+2-1.conf kios-0002+0-3.conf"}, true, "none of its 3 starts came to a healthy node"},
		{"both", closed, []string{"kios-0001.conf", "kios-0002.conf", "kios-0002+2-1.conf"},
			[]string{"drop kios-0002+2-1.conf kios-0002.conf", "rename kios-0002.conf kios-0002+0-0.conf"}, true, "it was good, and could not be started any more"},
		{"nothing is left to spend", closed, []string{"kios-0001.conf", "kios-0002+0-3.conf"}, nil, false, "none of its 3 starts came to a healthy node"},
		{"the partition is open", fell, []string{"kios-0001.conf", "kios-0002.conf"}, nil, false, "the firmware could not start its file EFI/kios/0002.efi"},
		{"the loader chose the running one", Start{Running: 1, chosen: 1, Closed: true}, []string{"kios-0001.conf", "kios-0002+0-0.conf"}, nil, false,
			"it was good, and could not be started any more"},
	} {
		m := medium(c.names...)
		d := Decide(c.start, m)
		if got := steps(d.Repair); !slices.Equal(got, c.repair) || d.Reboot != c.reboot {
			t.Errorf("%s: repairs %q, reboot %v", c.name, got, d.Reboot)
		}
		for _, s := range d.Repair {
			m = take(t, m, s)
		}
		runs, m := next(m, 2)
		runs.Closed = runs.chosen != runs.Running && c.start.Closed
		if d := Decide(runs, m); d.Reboot || d.Trial || d.Failed == nil || d.Failed.Why != c.why || runs.Closed {
			t.Errorf("%s: then %+v, %+v", c.name, runs, d)
		}
	}
}

// take does a step as package esp does.
func take(t *testing.T, m Medium, s Step) Medium {
	entries := slices.DeleteFunc(slices.Clone(m.Entries), func(e Entry) bool { return e == s.From })
	if s.Kind != Create && len(entries) != len(m.Entries)-1 {
		t.Errorf("%v: %s is not there", s, s.From.Name())
	}
	if s.Kind != Drop {
		if slices.Contains(entries, s.To) {
			t.Errorf("%v: %s is there", s, s.To.Name())
		}
		entries = append(entries, s.To)
	} else if !slices.Contains(entries, s.To) {
		t.Errorf("%v: %s does not stay", s, s.To.Name())
	}
	return Medium{Entries: entries, Images: m.Images}
}

// next is what systemd-boot does at a start: it chooses the newest generation that has a start left, and counts. When
// there is none, or its file is broken, the guard starts generation 1.
func next(m Medium, broken int) (Start, Medium) {
	entries := slices.Clone(m.Entries)
	slices.SortFunc(entries, compare)
	slices.Reverse(entries)
	chosen := -1
	for i, e := range entries {
		isSpent := e.Counted && e.Left == 0
		if chosen < 0 || entries[chosen].Counted && entries[chosen].Left == 0 && !isSpent ||
			entries[chosen].Generation == e.Generation && !e.Counted {
			chosen = i
		}
	}
	if chosen < 0 {
		return Start{Running: 1}, m
	}
	e := entries[chosen]
	s := Start{Running: e.Generation, chosen: e.Generation}
	if e.Counted {
		after := Entry{e.Generation, true, max(e.Left-1, 0), e.Done + 1}
		if !slices.Contains(entries, after) { // otherwise the rename fails, and it starts without counting
			entries[chosen], s.Counted = after, true
		}
	}
	if e.Generation == broken {
		s.Running, s.Counted = 1, false
	}
	return s, Medium{Entries: entries, Images: m.Images}
}

// A power cut after any step leads to the same end, and a trial that is never blessed ends on a good generation.
func TestEachTrialEndsWhereverThePowerIsCut(t *testing.T) {
	for _, c := range decisions {
		if len(c.good) == 0 {
			continue // there is nothing to go back to
		}
		broken := 0
		if c.start == fell {
			broken = 2
		}
		for cut := range 4 {
			m, runs := medium(c.names...), c.start
			for starts := 0; ; starts++ {
				d := Decide(runs, m)
				for i, s := range d.Repair {
					if starts == 0 && i == cut {
						break
					}
					m = take(t, m, s)
				}
				if starts > 0 && !d.Trial {
					break
				}
				if starts > 8 {
					t.Fatalf("%s, cut at %d: it still runs %d on trial, with %v", c.name, cut, runs.Running, m.Entries)
				}
				runs, m = next(m, broken)
			}
		}
	}
}

func TestABlessedTrialIsGoodAtTheNextStart(t *testing.T) {
	for _, c := range decisions {
		if !c.trial {
			continue
		}
		m := medium(c.names...)
		if !slices.Contains(m.Images, c.start.Running) {
			m.Images = append(m.Images, c.start.Running)
		}
		d := Decide(c.start, m)
		for _, s := range append(slices.Clone(d.Repair), d.Bless...) {
			m = take(t, m, s)
		}
		runs, m := next(m, 0)
		if after := Decide(runs, m); runs.Running != c.start.Running || after.Trial || after.Failed != nil || len(after.Repair) > 0 {
			t.Errorf("%s: then %+v, %+v", c.name, runs, after)
		}
	}
}

func TestAMissingFileIsSaid(t *testing.T) {
	m := medium("kios-0001.conf", "kios-0002+3-0.conf")
	m.Images = []int{1}
	d := Decide(one, m)
	if d.Failed == nil || d.Failed.Why != "its file EFI/kios/0002.efi is missing" || !slices.Equal(steps(d.Repair), []string{"rename kios-0002+3-0.conf kios-0002+0-3.conf"}) {
		t.Errorf("%+v, %q", d.Failed, steps(d.Repair))
	}
}
