package volatile

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEachNewFolderIsToldOnce(t *testing.T) {
	var (
		base = t.TempDir()
		opt  = filepath.Join(base, "opt")
		lib  = filepath.Join(base, "var", "lib")
		told = make(chan string, 16)
	)
	for _, folder := range []string{opt, lib, opt + "/before"} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	go Watch([]string{opt, lib}, func(path string) { told <- path })
	// The watch begins some time after that, so the first folder is made until it is told.
	first := filepath.Join(opt, "first")
	for deadline := time.After(10 * time.Second); ; {
		os.Remove(first)
		if err := os.Mkdir(first, 0o755); err != nil {
			t.Fatal(err)
		}
		select {
		case path := <-told:
			if path != first {
				t.Fatalf("told %s", path)
			}
		case <-time.After(20 * time.Millisecond):
			continue
		case <-deadline:
			t.Fatal("nothing was told")
		}
		break
	}
	for _, make := range []func() error{
		func() error { return os.Remove(first) },
		func() error { return os.Mkdir(first, 0o755) },
		func() error { return os.WriteFile(opt+"/file", nil, 0o644) },
		func() error { return os.MkdirAll(opt+"/before/inner", 0o755) },
		func() error { return os.Rename(opt+"/before", lib+"/moved") },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case path := <-told:
		if path != lib+"/moved" {
			t.Errorf("told %s", path)
		}
	case <-time.After(10 * time.Second):
		t.Error("a folder that was moved here is not told")
	}
}

func TestAFolderThatIsMissingIsAnError(t *testing.T) {
	if err := Watch([]string{t.TempDir() + "/none"}, func(string) {}); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}
