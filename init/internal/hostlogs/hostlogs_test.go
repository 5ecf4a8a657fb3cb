package hostlogs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// begin begins a boot that leaves a line of init and ends in this way.
func begin(t *testing.T, folder, id, end string) string {
	t.Helper()
	dir, err := Begin(folder, Record{V: 1, BootID: id, BootedAt: "2026-07-01T00:00:00.000Z"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/init.log", []byte(id+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if end != "" {
		if err := Write(dir, Record{V: 1, BootID: id, End: end}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func idsOf(t *testing.T, folder string) (ids []string) {
	t.Helper()
	boots, err := List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, boot := range boots {
		ids = append(ids, boot.BootID)
	}
	return ids
}

func TestTheLastBootsAreKept(t *testing.T) {
	folder := t.TempDir()
	for i := range 12 {
		begin(t, folder, strconv.Itoa(i), "reboot")
	}
	if ids := idsOf(t, folder); !slices.Equal(ids, []string{"8", "9", "10", "11"}) { // the last is the present one
		t.Errorf("%v", ids)
	}
	if names, _ := filepath.Glob(folder + "/*"); len(names) != 4 {
		t.Errorf("%v", names)
	}
}

func TestTheLastBootThatDidNotEndInOrderOutlivesThoseAfterIt(t *testing.T) {
	folder := t.TempDir()
	for id, end := range []string{"", "reboot", Fatal, "reboot", "reboot", "power-off", "reboot", "reboot", "reboot"} {
		begin(t, folder, strconv.Itoa(id), end)
	}
	if ids := idsOf(t, folder); !slices.Equal(ids, []string{"2", "5", "6", "7", "8"}) {
		t.Errorf("%v", ids)
	}
	begin(t, folder, "9", "")
	for id := range 2 {
		begin(t, folder, strconv.Itoa(10+id), "reboot")
	}
	// A later one takes its place.
	if ids := idsOf(t, folder); !slices.Equal(ids, []string{"8", "9", "10", "11"}) {
		t.Errorf("%v", ids)
	}
}

func TestABootWithoutLinesIsNoCrash(t *testing.T) {
	folder := t.TempDir()
	begin(t, folder, "crash", "")
	dir := begin(t, folder, "empty", "") // the power failed before its first line
	os.Remove(dir + "/init.log")
	for _, id := range []string{"a", "b", "c", "d"} {
		begin(t, folder, id, "reboot")
	}
	if ids := idsOf(t, folder); !slices.Equal(ids, []string{"crash", "a", "b", "c", "d"}) {
		t.Errorf("%v", ids)
	}
}

func TestAFolderThatLostItsRecordIsABootWithoutOne(t *testing.T) {
	folder := t.TempDir()
	dir := begin(t, folder, "a", "reboot")
	for name, put := range map[string]func(file string) error{
		"nothing":      os.Remove,
		"half of one":  func(file string) error { return os.WriteFile(file, []byte(`{"v":1,"boo`), 0o644) },
		"another file": func(file string) error { return os.WriteFile(file, []byte(strings.Repeat("x", 5000)), 0o644) },
		"a folder":     func(file string) error { os.Remove(file); return os.Mkdir(file, 0o755) },
	} {
		if err := put(dir + "/boot.json"); err != nil {
			t.Fatal(err)
		}
		if boots, err := List(folder); err != nil || len(boots) != 1 || boots[0].Ordered() || boots[0].BootID != "" {
			t.Errorf("%s: %+v %v", name, boots, err)
		}
		os.RemoveAll(dir + "/boot.json")
		os.WriteFile(dir+"/boot.json", nil, 0o644)
	}
}

func TestWhatIsNoBootIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"x", "7", "-00001", "0000007", "000000", ".new-1"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		begin(t, folder, strconv.Itoa(i), "reboot")
	}
	if names, _ := filepath.Glob(folder + "/*"); len(names) != 6+4 {
		t.Errorf("%v", names)
	}
}

func TestAFolderOfAnotherInABootStays(t *testing.T) {
	folder := t.TempDir()
	dir := begin(t, folder, "a", "reboot")
	if err := os.MkdirAll(dir+"/deep/er", 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		begin(t, folder, strconv.Itoa(i), "reboot")
	}
	if _, err := os.Stat(dir + "/deep/er"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/init.log"); err == nil {
		t.Error("the log is still there")
	}
}

func TestWithoutAFolderThereAreNoBoots(t *testing.T) {
	if boots, err := List(t.TempDir() + "/none"); boots != nil || err != nil {
		t.Errorf("%v %v", boots, err)
	}
	if _, err := Begin(t.TempDir()+"/none", Record{}); err == nil {
		t.Error("a boot began nowhere")
	}
}

func TestTheRecordTellsWhenTheMachineStarted(t *testing.T) {
	if at, ok := (Record{BootedAt: "2026-07-01T12:00:00.250Z"}).Zero(); !ok || !at.Equal(time.Date(2026, 7, 1, 12, 0, 0, 250e6, time.UTC)) {
		t.Errorf("%v", at)
	}
	if _, ok := (Record{}).Zero(); ok {
		t.Error("a record without a time has one")
	}
}

func TestAllBootsTogetherAreASmallPartOfThePartition(t *testing.T) {
	if limit := KeptLimit(t.TempDir()); limit < leastLimit || limit > Limit {
		t.Errorf("%d", limit)
	}
	if limit := KeptLimit("/nonexistent"); limit != leastLimit {
		t.Errorf("%d", limit)
	}
	for size, want := range map[int64]int64{4 << 30: Limit, 1 << 30: 1 << 30 / 50 / 40, 16 << 20: leastLimit} {
		if limit := limitOf(size); limit != want {
			t.Errorf("of %d: %d", size, limit)
		}
	}
}
