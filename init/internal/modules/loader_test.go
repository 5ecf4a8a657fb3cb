package modules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, table string) *Loader {
	path := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := Open(path, "/m")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAFileIsLoadedOnceAndOtherCallersWait(t *testing.T) {
	l := open(t, "always a.ko b.ko\nfs x a.ko x.ko\n")
	var mu sync.Mutex
	var order []string
	free := make(chan struct{})
	l.insert = func(path string) error {
		if path == "/m/a.ko" {
			<-free
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, filepath.Base(path))
		return nil
	}
	var all sync.WaitGroup
	all.Go(func() { l.LoadAlways() })
	all.Go(func() { l.LoadFS("x") })
	close(free)
	all.Wait()
	if got := strings.Join(order, " "); got != "a.ko b.ko x.ko" && got != "a.ko x.ko b.ko" {
		t.Error(got)
	}
}

func TestAFailedFileDoesNotStopOthersAndIsNotTriedAgain(t *testing.T) {
	l := open(t, "always bad.ko good.ko")
	calls := 0
	l.insert = func(path string) error {
		calls++
		if strings.HasSuffix(path, "bad.ko") {
			return errors.New("no")
		}
		return nil
	}
	for range 2 {
		if err := l.LoadAlways(); err == nil || err.Error() != "load bad.ko: no" {
			t.Error(err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

func TestWithoutATableEverythingIsBuiltIn(t *testing.T) {
	l, err := Open("/nonexistent/table", "/m")
	if err != nil {
		t.Fatal(err)
	}
	l.insert = func(string) error { return errors.New("nothing to load") }
	if err := errors.Join(l.LoadAlways(), l.LoadDevices(), l.LoadFS("ext4")); err != nil {
		t.Error(err)
	}
}
