package stage2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A pod that has a folder of the host may put anything in the place of a link in it.
func TestALinkReplacesAnythingAndEmptiesNoFolder(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"nothing":         func(string) error { return nil },
		"the link":        func(path string) error { return os.Symlink("/run/kios/log", path) },
		"another link":    func(path string) error { return os.Symlink("/etc", path) },
		"a FIFO":          func(path string) error { return unix.Mkfifo(path, 0o644) },
		"an empty file":   func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"an empty folder": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		link := filepath.Join(t.TempDir(), "kios")
		if err := put(link); err != nil {
			t.Fatal(err)
		}
		aside, err := placeLink(link, "/run/kios/log")
		if target, _ := os.Readlink(link); target != "/run/kios/log" || aside != "" || err != nil {
			t.Errorf("%s: %q %q %v", name, target, aside, err)
		}
	}

	file := filepath.Join(t.TempDir(), "kios")
	if err := os.WriteFile(file, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	aside, err := placeLink(file, "/run/kios/log")
	if text, _ := os.ReadFile(aside); string(text) != "somebody's" || err != nil {
		t.Errorf("a file: %q %q %v", aside, text, err)
	}

	// Twice, as on two boots.
	link := filepath.Join(t.TempDir(), "kios")
	for range 2 {
		os.Remove(link)
		deep := link + strings.Repeat("/d", 200)
		if err := os.MkdirAll(deep, 0o755); err != nil {
			t.Fatal(err)
		}
		aside, err := placeLink(link, "/run/kios/log")
		if target, _ := os.Readlink(link); target != "/run/kios/log" || err != nil {
			t.Errorf("a full folder: %q %v", target, err)
		}
		if _, err := os.Stat(aside + strings.Repeat("/d", 200)); err != nil {
			t.Errorf("the folder was emptied: %v", err)
		}
	}
	if found, _ := filepath.Glob(link + "~*"); len(found) != 2 {
		t.Errorf("%v", found)
	}
}
