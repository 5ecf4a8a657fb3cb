package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testdisk"
)

func TestOnAFullDiskAnEqualStoreIsKeptAndANewOneSaysThatThereIsNoRoom(t *testing.T) {
	testdisk.Require(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, 0) })
	to := disk + "/containerd"
	from, _ := fixture(t, "sha256:1")
	prepare(t, from, to)
	hog := disk + "/hog"
	if err := os.WriteFile(hog, make([]byte, 64<<10), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if r := prepare(t, from, to); r.Fresh {
		t.Errorf("%+v", r)
	}
	larger, _ := fixture(t, "sha256:2")
	put(t, larger+"/io.containerd.metadata.v1.bolt/meta.db", string(make([]byte, 32<<10)))
	if _, err := Prepare(larger, to, nil); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v", err)
	}
	if err := os.Remove(hog); err != nil { // as init gives up its ballast
		t.Fatal(err)
	}
	if r := prepare(t, larger, to); !r.Fresh {
		t.Errorf("%+v", r)
	}
}

func TestTheImagesLayersAreInsideTheFolderOfLayers(t *testing.T) {
	testdisk.Require(t)
	from, to := fixture(t, "sha256:1")
	for range 2 { // a second boot finds the folder
		prepare(t, from, to)
		must(t, Mount(from, to))
		folder := filepath.Join(to, layersFolder)
		root, err := os.OpenRoot(folder) // no link of it may lead out
		must(t, err)
		if text, err := root.ReadFile(filepath.Base(snap) + "/fs/etc/motd"); err != nil || string(text) != "hello" {
			t.Errorf("%q %v", text, err)
		}
		root.Close()
		must(t, unix.Unmount(filepath.Join(folder, shippedLayers), 0))
	}
}

// small is a node whose data partition is that small.
func small(t *testing.T, size string) (from, to string) {
	disk := t.TempDir()
	must(t, unix.Mount("tmpfs", disk, "tmpfs", 0, size))
	t.Cleanup(func() { unix.Unmount(disk, 0) })
	from, to = t.TempDir()+"/store", disk+"/containerd"
	ship(t, from, older...)
	boot(t, from, to)
	return from, to
}

// fill takes all room of a disk.
func fill(t *testing.T, path string) {
	if err := os.WriteFile(path, make([]byte, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

func fifo(t *testing.T, path string) {
	must(t, os.Remove(path))
	must(t, unix.Mkfifo(path, 0o600))
}
