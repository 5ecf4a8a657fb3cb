package plainfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadIsNeverHeldUp(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("plain"), []byte("node-1\n"), 0o644))
	must(os.WriteFile(at("long"), make([]byte, 100), 0o644))
	must(os.WriteFile(at("sparse"), nil, 0o644))
	must(os.Truncate(at("sparse"), 1<<40))
	must(os.Mkdir(at("folder"), 0o755))
	must(unix.Mkfifo(at("fifo"), 0o644))
	must(os.Symlink("plain", at("link")))
	must(os.Symlink("/proc/version", at("proc")))
	must(os.Symlink("/dev/zero", at("device")))
	must(os.Symlink("../outside", at("up")))

	for _, c := range []struct {
		name, want string
		err        error
	}{
		{"plain", "node-1\n", nil},
		{"link", "node-1\n", nil},
		{"absent", "", os.ErrNotExist},
		{"long", "", ErrTooLong},
		{"sparse", "", ErrTooLong},
		{"folder", "", nil},
		{"fifo", "", nil},
		{"proc", "", unix.EXDEV},
		{"device", "", unix.EXDEV},
		{"up", "", unix.EXDEV},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, err := Read(dir, c.name, 64)
			switch {
			case string(got) != c.want:
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			case c.want == "" && err == nil:
				t.Errorf("%s: no error", c.name)
			case c.err != nil && !errors.Is(err, c.err):
				t.Errorf("%s: %v, want %v", c.name, err, c.err)
			}
			if fits := Check(dir, c.name) == nil; fits != (err == nil || errors.Is(err, ErrTooLong)) {
				t.Errorf("%s: fits %v", c.name, fits)
			}
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: the read waits", c.name)
		}
	}
}

func TestNamesAreBoundedAndNeverHeldUp(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		if names, err := Names(dir, 3); len(names) != min(i, 3) || err != nil {
			t.Errorf("%d entries: %q %v", i, names, err)
		}
		if err := unix.Mkfifo(filepath.Join(dir, string(rune('a'+i))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Names(dir+"/a", 3); names != nil || !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a FIFO: %q %v", names, err)
	}
	if _, err := Names(dir+"/absent", 3); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
