package stage2

import (
	"path/filepath"
	"reflect"
	"testing"

	"kios.dev/init/internal/stage1"
	"kios.dev/init/internal/testvector"
)

func TestPhasesAreKeptAsInTheVectors(t *testing.T) {
	vectors := testvector.Read[[]struct {
		Case          string
		Reached, Kept []phase
	}](t, "phases.json")
	for _, vector := range vectors {
		var kept []phase
		for _, reached := range vector.Reached {
			kept = keep(kept, reached)
		}
		if !reflect.DeepEqual(kept, vector.Kept) {
			t.Errorf("%s: kept %v, want %v", vector.Case, kept, vector.Kept)
		}
	}
}

func TestBootJSONDoesNotGrowWhileKubeletKeepsEnding(t *testing.T) {
	p := newPhases(filepath.Join(t.TempDir(), "boot.json"), stage1.Times{Start: 1, Root: 2})
	start := func(times int) int {
		for range times {
			p.reached("kubelet.start")
		}
		if err := p.save(nil); err != nil {
			t.Fatal(err)
		}
		return len(p.list())
	}
	first := p.list()
	few, many := start(20), start(10_000)
	if few != many {
		t.Errorf("%d phases after 20 starts, %d after 10020", few, many)
	}
	if kept := p.list(); !reflect.DeepEqual(kept[:2], first) || kept[2].Name != "kubelet.start" {
		t.Errorf("the first phases are %v", kept[:3])
	}
}
