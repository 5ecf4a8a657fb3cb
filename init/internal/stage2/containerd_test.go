package stage2

import (
	"slices"
	"testing"

	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/testvector"
)

func TestProgramsStartAsTheVectorsSay(t *testing.T) {
	vectors := testvector.Read[map[string][]string](t, "programs.json")
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
