package stage2

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheSmallerLimitOfTasksCounts(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		pids, threads string
		want          uint64
	}{{"4194304\n", "15600\n", 15600}, {"32768\n", "192730\n", 32768}} {
		os.WriteFile(dir+"/pid_max", []byte(c.pids), 0o644)
		os.WriteFile(dir+"/threads-max", []byte(c.threads), 0o644)
		if got, err := taskLimit(dir); got != c.want || err != nil {
			t.Errorf("%d %v, want %d", got, err, c.want)
		}
	}
	os.Remove(dir + "/threads-max")
	if got, err := taskLimit(dir); err == nil {
		t.Errorf("%d without one of the limits", got)
	}
}

func TestThisMachineCanBeMeasured(t *testing.T) {
	if size, err := fileSystemSize(t.TempDir()); err != nil || size < 1<<20 {
		t.Errorf("%d %v", size, err)
	}
	if _, err := fileSystemSize("/nonexistent"); err == nil {
		t.Error("a missing folder has a size")
	}
	if limit, err := taskLimit("/proc/sys/kernel"); err != nil || limit < 100 {
		t.Errorf("%d %v", limit, err)
	}
}

// A pod with /etc may put anything in the file's place.
func TestAnUnchangedFileIsNotWrittenAgainAndAnyOtherIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "05-machine.conf")
	if err := updateFile(dir, "05-machine.conf", []byte("a: 1\n")); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(path)
	if err := updateFile(dir, "05-machine.conf", []byte("a: 1\n")); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("an unchanged file was written")
	}
	for _, place := range []func() error{
		func() error { return os.WriteFile(path, []byte("a: 2\n"), 0o644) },
		func() error { return os.WriteFile(path, []byte("a: 1\nb: 3\n"), 0o644) },
		func() error { return unix.Mkfifo(path, 0o644) },
		func() error { return os.Symlink("/proc/kmsg", path) },
	} {
		os.Remove(path)
		if err := place(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- updateFile(dir, "05-machine.conf", []byte("a: 1\n")) }()
		select {
		case err := <-done:
			if text, _ := os.ReadFile(path); err != nil || string(text) != "a: 1\n" {
				t.Errorf("%q %v", text, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the write waits")
		}
	}
}
