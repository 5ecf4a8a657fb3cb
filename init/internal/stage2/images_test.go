package stage2

import (
	"encoding/json"
	"os"
	"testing"
)

func TestNamesInTheLogAreAListAlsoWithoutAny(t *testing.T) {
	for want, names := range map[string][]string{"[]": nil, `["a"]`: {"a"}} {
		if text, err := json.Marshal(firstOf(names)); err != nil || string(text) != want {
			t.Error(string(text), err)
		}
	}
	if kept := firstOf(make([]string, namesLogged+1)); len(kept) != namesLogged {
		t.Error(len(kept))
	}
}

func TestOnlyAFolderHoldsArchives(t *testing.T) {
	folder := t.TempDir()
	if hasArchives(folder) || hasArchives(folder+"/none") {
		t.Error("there is no folder")
	}
	file := folder + "/" + archivesFolder
	if err := os.WriteFile(file, nil, 0o600); err != nil || hasArchives(folder) {
		t.Error("a file counts", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil || !hasArchives(folder) {
		t.Error("the folder does not count", err)
	}
}
