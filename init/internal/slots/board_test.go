package slots

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
)

// boardVectors is board-slots.json, which also binds the build and the update agent.
type boardVectors struct {
	Config string `json:"config"`
	Files  struct {
		Generation int    `json:"generation"`
		Folder     string `json:"folder"`
		Prefix     string `json:"prefix"`
		Kernel     string `json:"kernel"`
		Modules    string `json:"modules"`
	} `json:"files"`
	Choices []struct {
		Text   string  `json:"text"`
		Choice *Choice `json:"choice"`
	} `json:"choices"`
	Far struct {
		Before int    `json:"before"`
		Text   string `json:"text"`
	} `json:"far"`
	Changes []struct {
		From   string `json:"from"`
		Choice Choice `json:"choice"`
		To     string `json:"to"`
	} `json:"changes"`
}

func readBoardVectors(t *testing.T) (v boardVectors) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/board-slots.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheSettingsOfABoardSayWhatStarts(t *testing.T) {
	v := readBoardVectors(t)
	for _, c := range v.Choices {
		got, ok := ParseChoice([]byte(c.Text))
		if ok != (c.Choice != nil) || ok && got != *c.Choice {
			t.Errorf("%q: %v, %v", c.Text, got, ok)
		}
	}
	far := append(bytes.Repeat([]byte("#"), v.Far.Before-1), "\n"+v.Far.Text...)
	if got, ok := ParseChoice(far); ok {
		t.Errorf("beyond the first sector: %v", got)
	}
	if v.Config != Config || v.Files.Folder != SystemDir(v.Files.Generation) || v.Files.Kernel != v.Files.Prefix+BoardKernel {
		t.Errorf("%+v", v.Files)
	}
	if got := OfBoard("rpi4", v.Files.Prefix); got != (Start{Running: v.Files.Generation, Board: "rpi4"}) {
		t.Errorf("%+v", got)
	}
	folder, name := OfBoard("rpi4", v.Files.Prefix).ModulesFile()
	if folder+"/"+name != v.Files.Modules {
		t.Errorf("%s/%s", folder, name)
	}
}

func TestAChoiceIsWrittenInPlaceAndInOneSector(t *testing.T) {
	rest := bytes.Repeat([]byte("arm_64bit=1\n"), 100)
	for _, c := range readBoardVectors(t).Changes {
		if got := c.Choice.In([]byte(c.From)); string(got) != c.To {
			t.Errorf("%q", got)
		}
		long := append([]byte(c.From), rest...)
		sector := c.Choice.In(long)
		if len(sector) != Sector || !bytes.Equal(sector[len(c.To):], long[len(c.To):Sector]) {
			t.Errorf("%d bytes: %q", len(sector), sector)
		}
	}
}

func TestOtherPrefixesAreNotManaged(t *testing.T) {
	if got := OfBoard("", "system/0001/"); got.Running != 0 || got.Reason == "" {
		t.Errorf("an unknown board: %+v", got)
	}
	for _, prefix := range []string{"", "system/0001", "system/0000/", "system/001/", "other/0001/", "0001/", "system/0001//", "system/0001/x"} {
		if got := OfBoard("rpi4", prefix); got.Running != 0 || got.Reason == "" {
			t.Errorf("%q: %+v", prefix, got)
		}
	}
}

var boardDecisions = []struct {
	name    string
	running int
	choice  Choice
	images  []int
	trial   bool
	good    []int
	failed  *Failure
	repair  Choice // the zero value for none
	bless   Choice
}{
	{"a fresh medium", 1, Choice{1, 1, 0}, []int{1}, false, []int{1}, nil, Choice{}, Choice{}},
	{"the start on trial", 2, Choice{2, 1, 2}, []int{1, 2}, true, []int{1}, nil, Choice{1, 1, 2}, Choice{2, 2, 0}},
	{"the same, a moment later", 2, Choice{1, 1, 2}, []int{1, 2}, true, []int{1}, nil, Choice{}, Choice{2, 2, 0}},
	{"after the blessing", 2, Choice{2, 2, 0}, []int{1, 2}, false, []int{2}, nil, Choice{}, Choice{}},
	{"it came back", 1, Choice{1, 1, 2}, []int{1, 2}, false, []int{1}, &Failure{2, "its start did not come to a healthy node"}, Choice{}, Choice{}},
	{"it came back, and the files are gone", 1, Choice{1, 1, 2}, []int{1}, false, []int{1}, &Failure{2, "its file system/0002/kernel8.img is missing"}, Choice{}, Choice{}},
	{"the loader started another one than it should", 1, Choice{2, 1, 2}, []int{1}, false, []int{1}, &Failure{2, "its file system/0002/kernel8.img is missing"}, Choice{1, 1, 2}, Choice{}},
	{"the one before failed, the next is staged and starts", 3, Choice{3, 1, 3}, []int{1, 3}, true, []int{1}, nil, Choice{1, 1, 3}, Choice{3, 3, 0}},
	{"a person named the one before the good one", 1, Choice{1, 2, 0}, []int{1, 2}, false, []int{1}, &Failure{2, "its start did not come to a healthy node"}, Choice{1, 1, 2}, Choice{}},
	{"a person named a newer one", 3, Choice{3, 2, 0}, []int{2, 3}, true, []int{2}, nil, Choice{2, 2, 3}, Choice{3, 3, 0}},
	{"a person named the one that failed, to try it again", 2, Choice{2, 1, 2}, []int{1, 2}, true, []int{1}, nil, Choice{1, 1, 2}, Choice{2, 2, 0}},
	{"there is nothing to go back to", 2, Choice{2, 1, 2}, []int{2}, true, []int{}, nil, Choice{}, Choice{2, 2, 0}},
	{"nothing to go back to, and the settings name it", 2, Choice{1, 1, 2}, []int{2}, true, []int{}, nil, Choice{2, 1, 2}, Choice{2, 2, 0}},
	{"what failed before is no news", 3, Choice{3, 3, 2}, []int{2, 3}, false, []int{3}, nil, Choice{}, Choice{}},
}

func chosen(steps []Step) (c Choice) {
	if len(steps) == 1 && steps[0].Kind == Choose {
		return steps[0].Choice
	}
	return c
}

func TestADecisionFollowsFromTheSettingsOfABoard(t *testing.T) {
	for _, c := range boardDecisions {
		d := Decide(Start{Running: c.running, Board: "rpi4"}, Medium{Images: c.images, Choice: &c.choice})
		if d.Trial != c.trial || d.Left != 0 || !slices.Equal(d.Good, c.good) || !reflect.DeepEqual(d.Failed, c.failed) {
			t.Errorf("%s: trial %v, left %d, good %v, failed %+v", c.name, d.Trial, d.Left, d.Good, d.Failed)
		}
		if len(d.Repair) > 1 || chosen(d.Repair) != c.repair || chosen(d.Bless) != c.bless {
			t.Errorf("%s: repair %v, bless %v", c.name, d.Repair, d.Bless)
		}
	}
}

// A start that ends anywhere after init's first act is followed by one of a good system, and no decision is taken back
// by the next one.
func TestEachTrialOfABoardHasOneStart(t *testing.T) {
	for _, c := range boardDecisions {
		if len(c.good) == 0 {
			continue
		}
		choice, running := c.choice, c.running
		for starts := range 3 {
			d := Decide(Start{Running: running, Board: "rpi4"}, Medium{Images: c.images, Choice: &choice})
			if starts > 0 && d.Trial {
				t.Fatalf("%s: %d is on trial again", c.name, running)
			}
			for _, step := range d.Repair {
				choice = step.Choice
			}
			if again := Decide(Start{Running: running, Board: "rpi4"}, Medium{Images: c.images, Choice: &choice}); len(again.Repair) > 0 || again.Trial != d.Trial {
				t.Errorf("%s: then %+v", c.name, again)
			}
			running = choice.Next
		}
		if !slices.Contains(c.good, running) {
			t.Errorf("%s: ends with %d", c.name, running)
		}
	}
}

func TestABlessedSystemOfABoardIsGoodAtTheNextStart(t *testing.T) {
	for _, c := range boardDecisions {
		if !c.trial {
			continue
		}
		d := Decide(Start{Running: c.running, Board: "rpi4"}, Medium{Images: c.images, Choice: &c.choice})
		choice := chosen(d.Bless)
		after := Decide(Start{Running: choice.Next, Board: "rpi4"}, Medium{Images: c.images, Choice: &choice})
		if choice.Next != c.running || after.Trial || after.Failed != nil || len(after.Repair) > 0 || !slices.Equal(after.Good, []int{c.running}) {
			t.Errorf("%s: then %v, %+v", c.name, choice, after)
		}
	}
}
