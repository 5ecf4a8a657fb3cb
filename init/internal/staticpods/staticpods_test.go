package staticpods

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	first = `{"metadata":{"name":"dhcp","uid":"u-1","annotations":{"kios.dev/start":"first"}}}`
	later = `{"metadata":{"name":"cni","uid":"u-2"}}`
	yaml  = "metadata:\n  name: mine\n  annotations: {kios.dev/start: first}\n"
)

func folder(t *testing.T, files map[string]string) Folder {
	t.Helper()
	f := Folder{From: t.TempDir(), To: filepath.Join(t.TempDir(), "to")}
	for name, content := range files {
		write(t, filepath.Join(f.From, name), content)
	}
	return f
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func offered(t *testing.T, f Folder) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(f.To)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(f.To, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed by Follow after the folder was listed
		}
		if err != nil {
			t.Fatal(err)
		}
		found[entry.Name()] = string(content)
	}
	return found
}

func expectOffered(t *testing.T, f Folder, want map[string]string) {
	t.Helper()
	if got := offered(t, f); !maps.Equal(got, want) {
		t.Errorf("offered %v, want %v", got, want)
	}
}

func TestOnlyPodsThatAskForItAreOfferedFirst(t *testing.T) {
	f := folder(t, map[string]string{"dhcp.yaml": first, "cni.yaml": later, "mine.yaml": yaml, ".dhcp.swp": first})
	uids, err := f.OfferFirst()
	if err != nil || !slices.Equal(uids, []string{"u-1"}) {
		t.Fatalf("uids %v, error %v", uids, err)
	}
	expectOffered(t, f, map[string]string{"dhcp.yaml": first})
}

func TestSyncOffersTheRestAndCopiesChangesAndRemovals(t *testing.T) {
	f := folder(t, map[string]string{"dhcp.yaml": first, "cni.yaml": later})
	if _, err := f.OfferFirst(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []map[string]string{
		{"dhcp.yaml": first, "cni.yaml": later},
		{"dhcp.yaml": first, "cni.yaml": yaml},
		{"dhcp.yaml": first},
	} {
		if content, stays := want["cni.yaml"]; stays {
			write(t, filepath.Join(f.From, "cni.yaml"), content)
		} else if err := os.Remove(filepath.Join(f.From, "cni.yaml")); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		expectOffered(t, f, want)
	}
}

func TestAMissingFolderOffersNothing(t *testing.T) {
	f := Folder{From: filepath.Join(t.TempDir(), "none"), To: filepath.Join(t.TempDir(), "to")}
	uids, err := f.OfferFirst()
	if err != nil || len(uids) != 0 {
		t.Fatalf("uids %v, error %v", uids, err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatCannotBeListedEndsNoPod(t *testing.T) {
	f := folder(t, map[string]string{"dhcp.yaml": first})
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.From, "file"), "")
	broken := Folder{From: filepath.Join(f.From, "file"), To: f.To}
	if err := broken.Sync(); err == nil {
		t.Error("no error for the folder that was not listed")
	}
	if uids, err := broken.OfferFirst(); err == nil || len(uids) != 0 {
		t.Errorf("uids %v, error %v", uids, err)
	}
	if err := unix.Mkfifo(filepath.Join(f.From, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (Folder{From: filepath.Join(f.From, "fifo"), To: f.To}).Sync(); err == nil {
		t.Error("no error for a FIFO in the folder's place")
	}
	expectOffered(t, f, map[string]string{"dhcp.yaml": first})
}

func TestAManifestThatIsRemovedWhileItIsReadIsNotAFault(t *testing.T) {
	f := folder(t, nil)
	path := filepath.Join(f.From, "dhcp.yaml")
	done := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-done:
				return
			default:
				os.WriteFile(path, []byte(first), 0o644)
				os.Remove(path)
			}
		}
	}()
	for range 2000 {
		if err := f.Sync(); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	<-gone
}

func TestFollowCopiesChangesAndTheRemovalOfTheFolder(t *testing.T) {
	f := folder(t, map[string]string{"dhcp.yaml": first})
	if _, err := f.OfferFirst(); err != nil {
		t.Fatal(err)
	}
	rounds := make(chan error, 64)
	go f.Follow(func(err error) { rounds <- err })
	write(t, filepath.Join(f.From, "cni.yaml"), later)
	await(t, f, rounds, map[string]string{"dhcp.yaml": first, "cni.yaml": later})

	if err := os.RemoveAll(f.From); err != nil {
		t.Fatal(err)
	}
	await(t, f, rounds, map[string]string{})
}

func await(t *testing.T, f Folder, rounds <-chan error, want map[string]string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !maps.Equal(offered(t, f), want) {
		select {
		case err := <-rounds:
			if err != nil {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("offered %v, want %v", offered(t, f), want)
		}
	}
}

func TestAPodHasLoggedWhenOneOfItsContainersHas(t *testing.T) {
	logs := t.TempDir()
	dir := filepath.Join(logs, "kube-system_dhcp-kios_u-1", "acquire")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "0.log"), "")
	if HasLogged(logs, "u-1") {
		t.Error("an empty log counts as a line")
	}
	write(t, filepath.Join(dir, "0.log"), "started\n")
	if !HasLogged(logs, "u-1") || HasLogged(logs, "u-2") {
		t.Error("the line was not found, or found for another pod")
	}
}

func TestAPodForGrowthIsOfferedOnlyWhereThereIsSomethingToGrow(t *testing.T) {
	const grow = `{"metadata":{"name":"resize","uid":"u-3","annotations":{"kios.dev/start":"grown"}}}`
	f := folder(t, map[string]string{"cni.yaml": later, "resize.yaml": grow})
	if uids, err := f.OfferFirst(); len(uids) != 0 || err != nil {
		t.Fatalf("%v %v", uids, err)
	}
	expectOffered(t, f, map[string]string{})
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	expectOffered(t, f, map[string]string{"cni.yaml": later})
	f.Grown = true
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	expectOffered(t, f, map[string]string{"cni.yaml": later, "resize.yaml": grow})
}
