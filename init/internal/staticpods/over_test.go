package staticpods

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withMedium returns a folder over which the medium's manifests lie.
func withMedium(t *testing.T, own, medium map[string]string) Folder {
	t.Helper()
	f := folder(t, own)
	f.Over = t.TempDir()
	for name, content := range medium {
		write(t, filepath.Join(f.Over, name), content)
	}
	return f
}

func TestTheMediumsPodsAreOfferedBesideAndInPlaceOfTheImages(t *testing.T) {
	f := withMedium(t, map[string]string{"dhcp.yaml": first, "cni.yaml": later},
		map[string]string{"dhcp.yaml": yaml, "mine.YML": yaml, "proxy.manifest": yaml, "notes.txt": "not a pod", "._mine.yaml": "not a pod"})
	uids, err := f.OfferFirst()
	if err != nil || len(uids) != 0 {
		t.Errorf("uids %v, error %v", uids, err)
	}
	expectOffered(t, f, map[string]string{})
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	expectOffered(t, f, map[string]string{"cni.yaml": later, "dhcp.yaml": yaml, "mine.YML": yaml, "proxy.manifest": yaml})
}

func TestABrokenFileOfTheMediumDoesNotStopTheOthers(t *testing.T) {
	f := withMedium(t, map[string]string{"cni.yaml": later}, map[string]string{"a.yaml": yaml, "z.yaml": yaml})
	if err := os.Mkdir(filepath.Join(f.Over, "b.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err == nil || !strings.Contains(err.Error(), f.Over+"/b.yaml") {
		t.Errorf("error %v", err)
	}
	expectOffered(t, f, map[string]string{"a.yaml": yaml, "cni.yaml": later, "z.yaml": yaml})
}

func TestWithoutAMediumTheImagesPodsAreOffered(t *testing.T) {
	f := withMedium(t, map[string]string{"cni.yaml": later}, nil)
	if err := os.Remove(f.Over); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	expectOffered(t, f, map[string]string{"cni.yaml": later})
}

// A stick that is pulled out must not end the pods that came from it.
func TestAMediumThatCannotBeReadKeepsItsPods(t *testing.T) {
	f := withMedium(t, map[string]string{"cni.yaml": later}, map[string]string{"mine.yaml": yaml})
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(f.Over); err != nil {
		t.Fatal(err)
	}
	write(t, f.Over, "a file in the place of the folder cannot be listed")
	if err := f.Sync(); err == nil {
		t.Error("no error")
	}
	expectOffered(t, f, map[string]string{"cni.yaml": later, "mine.yaml": yaml})
}
