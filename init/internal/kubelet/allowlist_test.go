package kubelet

import (
	"os"
	"testing"
)

func TestTheListOfImagesKeepsWhatTheBuildPutThere(t *testing.T) {
	shipped, err := os.ReadFile("../../../os/rootfs/lib/kios/kubelet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const want = `preloadedImagesVerificationAllowlist: [kios.invalid/*, "registry.example/app", "1e3"]` + "\n"
	if line := Allow(string(shipped), []string{"registry.example/app", "1e3"}); line != want {
		t.Errorf("%q", line)
	}
	built := "a: b\npreloadedImagesVerificationAllowlist: [kios.invalid/*, \"built\"]\n"
	if line := Allow(built, []string{"added"}); line != "preloadedImagesVerificationAllowlist: [kios.invalid/*, \"built\", \"added\"]\n" {
		t.Errorf("%q", line)
	}
	if line := Allow(string(shipped), nil); line != "" {
		t.Errorf("%q", line)
	}
	if line := Allow("a: b\n", []string{"added"}); line != "" {
		t.Errorf("%q", line)
	}
}
