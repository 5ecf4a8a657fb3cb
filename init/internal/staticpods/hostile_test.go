package staticpods

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pod with the folder mounted may put anything into it.
func TestWhatIsNoManifestIsReportedAndDoesNotStopTheOthers(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a FIFO":                   func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a link to the kernel log": func(path string) error { return os.Symlink("/proc/kmsg", path) },
		"a link to a device":       func(path string) error { return os.Symlink("/dev/zero", path) },
		"a link out of the folder": func(path string) error { return os.Symlink("../elsewhere", path) },
		"a link to itself":         func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"a folder":                 func(path string) error { return os.Mkdir(path, 0o755) },
		"a socket":                 func(path string) error { _, err := net.Listen("unix", path); return err },
		"a file of two gigabytes": func(path string) error {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(path, 2<<30)
		},
	} {
		f := folder(t, map[string]string{"dhcp.yaml": first, "zeta.yaml": later})
		os.WriteFile(filepath.Join(f.From, "../elsewhere"), []byte(first), 0o644)
		if err := put(filepath.Join(f.From, "m.yaml")); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if uids, err := f.OfferFirst(); err == nil || !strings.Contains(err.Error(), "m.yaml") || !slices.Equal(uids, []string{"u-1"}) {
				t.Errorf("%s: uids %v, error %v", name, uids, err)
			}
			if err := f.Sync(); err == nil || !strings.Contains(err.Error(), "m.yaml") {
				t.Errorf("%s: error %v", name, err)
			}
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s holds init up", name)
		}
		expectOffered(t, f, map[string]string{"dhcp.yaml": first, "zeta.yaml": later})
	}
}

func TestAManifestThatTurnsIntoSomethingElseKeepsItsPod(t *testing.T) {
	f := folder(t, map[string]string{"dhcp.yaml": first})
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.From, "dhcp.yaml")
	os.Remove(path)
	unix.Mkfifo(path, 0o644)
	if err := f.Sync(); err == nil {
		t.Error("no error")
	}
	expectOffered(t, f, map[string]string{"dhcp.yaml": first})
}

func TestAFolderOffersABoundedNumberOfManifestsAndSaysSo(t *testing.T) {
	f := folder(t, nil)
	for i := range maxManifests + 50 {
		write(t, filepath.Join(f.From, fmt.Sprintf("pod-%04d.yaml", i)), later)
	}
	if err := f.Sync(); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("error %v", err)
	}
	got := offered(t, f)
	if len(got) != maxManifests || got["pod-0000.yaml"] != later {
		t.Errorf("%d manifests", len(got))
	}
	for i := range 50 {
		os.Remove(filepath.Join(f.From, fmt.Sprintf("pod-%04d.yaml", i)))
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
}

func TestAFolderOffersABoundedNumberOfBytesAndSaysSo(t *testing.T) {
	f := folder(t, nil)
	large := strings.Repeat("#", maxSize)
	const files = maxTotal/maxSize + 2
	for i := range files {
		write(t, filepath.Join(f.From, fmt.Sprintf("%d.yaml", i)), large)
	}
	write(t, filepath.Join(f.From, "small.yaml"), later)
	if err := f.Sync(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("error %v", err)
	}
	if got := offered(t, f); len(got) != files-2+1 && len(got) != files-2 {
		t.Errorf("%d manifests", len(got))
	}
}

func TestAFaultOfManyFilesIsShort(t *testing.T) {
	f := folder(t, nil)
	for i := range 200 {
		os.Mkdir(filepath.Join(f.From, fmt.Sprintf("folder-%d", i)), 0o755)
	}
	err := f.Sync()
	if err == nil || len(err.Error()) > 2000 || !strings.Contains(err.Error(), "and 195 more") {
		t.Errorf("%v", err)
	}
}
