package stage2

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"kios.dev/init/internal/kubelet"
)

func TestProgramsStartAsTheVectorsSay(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/programs.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors map[string][]string
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	started := map[string][]string{
		"containerd": containerdArgs,
		"kubelet":    kubelet.Make(kubelet.Files{}, kubelet.Name{Host: "localhost"}).Args,
	}
	for name, args := range started {
		if !slices.Equal(args, vectors[name]) {
			t.Errorf("%s: started with %q, the vectors say %q", name, args, vectors[name])
		}
	}
	if len(vectors) != len(started) {
		t.Errorf("the vectors hold %d programs, init starts %d", len(vectors), len(started))
	}
}
