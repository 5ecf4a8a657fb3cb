package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	blob = "io.containerd.content.v1.content/blobs/sha256/aa"
	snap = "io.containerd.snapshotter.v1.overlayfs/snapshots/7"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fixture(t *testing.T, id string) (from, to string) {
	from, to = filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "containerd")
	put(t, from+"/store.json", `{"v":1,"id":"`+id+`","blobs":[],"snapshots":[]}`)
	put(t, from+"/io.containerd.metadata.v1.bolt/meta.db", "meta")
	put(t, from+"/io.containerd.snapshotter.v1.overlayfs/metadata.db", "snapshots")
	put(t, from+"/"+blob, "blob")
	put(t, from+"/"+snap+"/fs/etc/motd", "hello")
	return from, to
}

func prepare(t *testing.T, from, to string) Result {
	t.Helper()
	r, err := Prepare(from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPrepareCopiesDatabasesAndLinksTheRest(t *testing.T) {
	from, to := fixture(t, "sha256:1")
	if r := prepare(t, from, to); !r.Fresh || r.Bytes != int64(len("meta")+len("snapshots")) || r.Links != 2 {
		t.Errorf("%+v", r)
	}
	for path, target := range map[string]string{blob: from + "/" + blob, snap: shippedLayers + "/7"} {
		if got, err := os.Readlink(filepath.Join(to, path)); got != target {
			t.Errorf("%s → %q (%v)", path, got, err)
		}
	}
	db := filepath.Join(to, "io.containerd.metadata.v1.bolt/meta.db")
	if info, err := os.Lstat(db); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
		t.Errorf("meta.db: %v %v", info, err)
	}
	if info, _ := os.Stat(filepath.Join(to, "io.containerd.snapshotter.v1.overlayfs/snapshots")); info.Mode().Perm() != 0o700 {
		t.Errorf("snapshots: %v", info.Mode())
	}
}

func TestAnEqualStoreIsNotTouched(t *testing.T) {
	from, to := fixture(t, "sha256:1")
	prepare(t, from, to)
	put(t, to+"/io.containerd.metadata.v1.bolt/meta.db", "grown by containerd")
	if r := prepare(t, from, to); r.Fresh || r.Bytes != 0 {
		t.Errorf("%+v", r)
	}
	if text, _ := os.ReadFile(to + "/io.containerd.metadata.v1.bolt/meta.db"); string(text) != "grown by containerd" {
		t.Errorf("meta.db was replaced: %q", text)
	}
}

func TestAnotherStoreReplacesEverything(t *testing.T) {
	from, to := fixture(t, "sha256:1")
	prepare(t, from, to)
	put(t, to+"/io.containerd.snapshotter.v1.overlayfs/snapshots/99/fs/user", "x")
	newer, _ := fixture(t, "sha256:2")
	if r := prepare(t, newer, to); !r.Fresh {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(to + "/io.containerd.snapshotter.v1.overlayfs/snapshots/99"); !os.IsNotExist(err) {
		t.Error("a snapshot of the old store remains")
	}
	if got, _ := os.Readlink(filepath.Join(to, blob)); got != newer+"/"+blob {
		t.Errorf("the blob still points to %q", got)
	}
	if text, err := os.ReadFile(from + "/" + snap + "/fs/etc/motd"); err != nil || string(text) != "hello" {
		t.Errorf("emptying followed a link into the root: %q %v", text, err)
	}
}

func TestAHalfMadeStoreIsMadeAgain(t *testing.T) {
	from, to := fixture(t, "sha256:1")
	prepare(t, from, to)
	os.Remove(filepath.Join(to, idFile)) // as after a power cut before the id was written
	put(t, to+"/io.containerd.metadata.v1.bolt/meta.db", "half")
	if r := prepare(t, from, to); !r.Fresh {
		t.Errorf("%+v", r)
	}
	if text, _ := os.ReadFile(to + "/io.containerd.metadata.v1.bolt/meta.db"); string(text) != "meta" {
		t.Errorf("meta.db: %q", text)
	}
}

func TestAStoreOfAnotherKindIsRefused(t *testing.T) {
	for _, text := range []string{"", "{", `{"v":2,"id":"x"}`, `{"v":1}`} {
		from, to := fixture(t, "sha256:1")
		put(t, from+"/store.json", text)
		if r, err := Prepare(from, to, nil); err == nil {
			t.Errorf("%q: %+v", text, r)
		}
		if _, err := os.Stat(to); !os.IsNotExist(err) {
			t.Errorf("%q: %s was touched", text, to)
		}
	}
}

func TestAFIFOAsTheStoresIDStopsNoBoot(t *testing.T) {
	from, to := fixture(t, "sha256:1")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(to, idFile), 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan Result, 1)
	go func() { done <- prepare(t, from, to) }()
	select {
	case r := <-done:
		if !r.Fresh {
			t.Errorf("%+v", r)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("waits for the FIFO's writer")
	}
	if r := prepare(t, from, to); r.Fresh {
		t.Errorf("the second boot: %+v", r)
	}
}
