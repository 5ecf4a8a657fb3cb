package prefetch

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
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
	if err := unix.Fadvise(int(opened.files[0].Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		t.Fatal(err)
	}
	if err := opened.Read(); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		first, count int
		want         bool
	}{{0, 8, true}, {64, 512, false}, {1024, 700, true}, {1900, 148, false}} {
		for i, resident := range residency(t, file, pages)[part.first : part.first+part.count] {
			if resident != part.want {
				t.Fatalf("page %d: resident %v", part.first+i, resident)
			}
		}
	}
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
