package staticpods

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestAContainerIsHalfMadeUntilItRunsOrHasEnded(t *testing.T) {
	records := filepath.Join(t.TempDir(), "containers")
	expect := func(want ...string) {
		t.Helper()
		if got := HalfMade(records, nil); !slices.Equal(got, want) {
			t.Errorf("half made: %q, want %q", got, want)
		}
	}
	expect() // containerd has made no container yet
	put(t, filepath.Join(records, "a/volumes/x"), "")
	expect("a")
	put(t, filepath.Join(records, "a/status"), `{"Version":"v1","Pid":0,"CreatedAt":1764512345000000000,"StartedAt":0,"FinishedAt":0,"Resources":null}`)
	put(t, filepath.Join(records, "b/status"), `{"Version":"v1","CreatedAt":1,`)
	expect("a", "b")
	put(t, filepath.Join(records, "a/status"), `{"Version":"v1","Pid":17,"CreatedAt":1,"StartedAt":2,"FinishedAt":0}`)
	// containerd could not start it: kubelet has heard so.
	put(t, filepath.Join(records, "b/status"), `{"Version":"v1","Pid":0,"CreatedAt":1,"StartedAt":0,"FinishedAt":3,"ExitCode":128}`)
	expect()
}

func TestAContainerFromBeforeAPowerCutIsNotHalfMade(t *testing.T) {
	records := filepath.Join(t.TempDir(), "containers")
	const created = `{"Version":"v1","Pid":0,"CreatedAt":1764512345000000000,"StartedAt":0,"FinishedAt":0}`
	put(t, filepath.Join(records, "cut/status"), created)
	put(t, filepath.Join(records, "bare/volumes/x"), "")
	older := Containers(records)
	put(t, filepath.Join(records, "new/status"), created)
	if got := HalfMade(records, older); !slices.Equal(got, []string{"new"}) {
		t.Errorf("half made: %q", got)
	}
}
