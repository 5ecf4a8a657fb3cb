package prefetch

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestAListNamesReadAheadAndRangesInPages(t *testing.T) {
	got, err := Parse("read-ahead 4\n/bin/kubelet 0+12 40+3\n\n/bin/runc\n")
	want := Plan{4, []File{{"/bin/kubelet", []Range{{0, 12 * 4096}, {40 * 4096, 3 * 4096}}}, {"/bin/runc", []Range{}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADamagedListIsRefusedByItsLine(t *testing.T) {
	for _, text := range []string{"read-ahead", "read-ahead x", "/bin/kubelet 1", "/bin/kubelet 1+", "/bin/kubelet -1+2", "/bin/kubelet 1+99999999999"} {
		plan, err := Parse("/bin/runc 0+1\n" + text + "\n")
		if err == nil || !strings.Contains(err.Error(), text) || len(plan.Files) != 0 {
			t.Errorf("%q: %+v, %v", text, plan, err)
		}
	}
}

// device is a file in place of a device's setting that keeps each value that was written to it.
func device(t *testing.T) (pattern string, last func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "read_ahead_kb")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return file, func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestTheReadAheadIsThePlansOnceFilesAreOpen(t *testing.T) {
	pattern, last := device(t)
	opened, err := Plan{ReadAheadKiB: 16}.open(pattern)
	if got := last(); err != nil || got != "16" {
		t.Errorf("%q, %v", got, err)
	}
	if err := opened.Read(); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheRangesAreRead(t *testing.T) {
	const pages = 2048
	file := onDisk(t, pages)
	pattern, _ := device(t)
	plan := Plan{Files: []File{{file, []Range{{0, 8 * page}, {1024 * page, 700 * page}}}}}
	opened, err := plan.open(pattern)
	if err != nil {
		t.Fatal(err)
	}
	// Reading ahead of what was asked for would blur the ranges.
	if err := unix.Fadvise(int(opened[0].Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		t.Fatal(err)
	}
	if err := opened.Read(); err != nil {
		t.Fatal(err)
	}
	for _, asked := range plan.Files[0].Ranges {
		expectRead(t, file, pages, int(asked.Offset/page), int(asked.Length/page))
	}
	for _, left := range []struct{ first, count int }{{64, 512}, {1900, 148}} {
		for i, resident := range residency(t, file, pages)[left.first : left.first+left.count] {
			if resident {
				t.Fatalf("page %d was read", left.first+i)
			}
		}
	}
}

// expectRead waits for pages that were asked for. The disk may still deliver them after the call (posix_fadvise(2)).
func expectRead(t *testing.T, file string, pages, first, count int) {
	t.Helper()
	missing := -1
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if missing = slices.Index(residency(t, file, pages)[first:first+count], false); missing == -1 {
			return
		}
	}
	t.Fatalf("page %d is not in memory", first+missing)
}

// onDisk returns a file whose pages are not in memory.
func onDisk(t *testing.T, pages int) string {
	t.Helper()
	file, err := os.CreateTemp(".", "prefetch-*.tmp") // the folder of temporary files may be in memory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file.Name()) })
	defer file.Close()
	if _, err := file.Write(make([]byte, pages*page)); err != nil {
		t.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	for _, resident := range residency(t, file.Name(), pages) {
		if resident {
			t.Skip("the file system here keeps files in memory")
		}
	}
	return file.Name()
}

// residency asks the kernel which pages of a file are in memory (mincore(2)).
func residency(t *testing.T, name string, pages int) []bool {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mapped, err := unix.Mmap(int(file.Fd()), 0, pages*page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	vector := make([]byte, pages)
	start, into := uintptr(unsafe.Pointer(&mapped[0])), uintptr(unsafe.Pointer(&vector[0]))
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, start, uintptr(len(mapped)), into); errno != 0 {
		t.Fatal(errno)
	}
	states := make([]bool, pages)
	for i, state := range vector {
		states[i] = state&1 != 0
	}
	return states
}
