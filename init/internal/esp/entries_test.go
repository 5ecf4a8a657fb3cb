package esp

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/fat"
	"kios.dev/init/internal/slots"
)

// partition makes a folder as the partition is, with these entries and images of their generations.
func partition(t *testing.T, entries map[string]string) (top string) {
	t.Helper()
	top = t.TempDir()
	for _, dir := range []string{slots.EntriesDir, slots.ImagesDir} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range entries {
		if err := os.WriteFile(filepath.Join(top, slots.EntriesDir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func entry(t *testing.T, name string) slots.Entry {
	t.Helper()
	e, ok := slots.ParseEntry(name)
	if !ok {
		t.Fatal(name)
	}
	return e
}

// entries returns the names in the folder of entries.
func entries(t *testing.T, top string) []string {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(top, slots.EntriesDir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func read(t *testing.T, top, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(top, slots.EntriesDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestWhatLiesOnThePartitionIsListed(t *testing.T) {
	top := partition(t, map[string]string{"kios-0001.conf": "", "kios-0002+2-1.conf": "", "k.tmp": "", "KIOS-0~1.CON": "", "other.conf": ""})
	for _, name := range []string{"0001.efi", "0002.efi", "half.tmp"} {
		if err := os.WriteFile(filepath.Join(top, slots.ImagesDir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Read(top)
	slices.SortFunc(m.Entries, func(a, b slots.Entry) int { return a.Generation - b.Generation })
	slices.Sort(m.Images)
	if err != nil || !slices.Equal(m.Entries, []slots.Entry{{Generation: 1}, {Generation: 2, Counted: true, Left: 2, Done: 1}}) || !slices.Equal(m.Images, []int{1, 2}) {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a partition without the folders is read")
	}
}

func TestAnEntryIsRenamedAndNeverReplacesAnother(t *testing.T) {
	text := string(slots.Content(2, "0.2.0"))
	top := partition(t, map[string]string{"kios-0001.conf": "", "kios-0002+2-1.conf": text})
	step := slots.Step{Kind: slots.Rename, From: entry(t, "kios-0002+2-1.conf"), To: entry(t, "kios-0002.conf")}
	if err := Take(top, step, ""); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, top); !slices.Equal(got, []string{"kios-0001.conf", "kios-0002.conf"}) || read(t, top, "kios-0002.conf") != text {
		t.Errorf("%q", got)
	}
	step = slots.Step{Kind: slots.Rename, From: entry(t, "kios-0002.conf"), To: entry(t, "kios-0001.conf")}
	if err := Take(top, step, ""); err == nil || !strings.Contains(err.Error(), "rename kios-0001.conf") {
		t.Errorf("%v", err)
	}
	if got := entries(t, top); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestOneOfTwoNamesGoesAndTheOtherIsWhole(t *testing.T) {
	whole := string(slots.Content(2, "0.2.0"))
	for _, c := range []struct{ name, keep, other, temporary string }{
		{"both have the content", whole, whole, ""},
		{"the one that stays is empty", "", whole, ""},
		{"the other one is empty", whole, "", ""},
		{"a cut left the temporary name", whole, whole, whole},
	} {
		files := map[string]string{"kios-0001.conf": "", "kios-0002+2-1.conf": c.keep, "kios-0002+3-0.conf": c.other}
		if c.temporary != "" {
			files[slots.Temporary] = c.temporary
		}
		top := partition(t, files)
		step := slots.Step{Kind: slots.Drop, From: entry(t, "kios-0002+3-0.conf"), To: entry(t, "kios-0002+2-1.conf")}
		if err := Take(top, step, ""); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := entries(t, top); !slices.Equal(got, []string{"kios-0001.conf", "kios-0002+2-1.conf"}) || read(t, top, "kios-0002+2-1.conf") != whole {
			t.Errorf("%s: %q, %q", c.name, got, read(t, top, "kios-0002+2-1.conf"))
		}
	}
}

func TestANameThatAPersonWroteIsFound(t *testing.T) {
	const written = "kios-0002+3.conf"
	top := partition(t, map[string]string{written: "", "kios-0002+2-1.conf": ""})
	if err := Take(top, slots.Step{Kind: slots.Drop, From: entry(t, written), To: entry(t, "kios-0002+2-1.conf")}, ""); err != nil {
		t.Error(err)
	}
	if got := entries(t, top); !slices.Equal(got, []string{"kios-0002+2-1.conf"}) {
		t.Errorf("%q", got)
	}
	top = partition(t, map[string]string{written: "", "kios-0002+3-0.conf": ""})
	if err := Take(top, slots.Step{Kind: slots.Drop, From: entry(t, written), To: entry(t, written)}, ""); err != nil {
		t.Error(err)
	}
	if got := entries(t, top); len(got) != 2 {
		t.Errorf("%q", got)
	}
	top = partition(t, map[string]string{written: ""})
	if err := Take(top, slots.Step{Kind: slots.Rename, From: entry(t, written), To: entry(t, "kios-0002+2-1.conf")}, ""); err != nil {
		t.Error(err)
	}
	if got := entries(t, top); !slices.Equal(got, []string{"kios-0002+2-1.conf"}) {
		t.Errorf("%q", got)
	}
}

func TestAMissingEntryIsMade(t *testing.T) {
	top := partition(t, map[string]string{"kios-0001.conf": "", slots.Temporary: "something long that a killed program left behind, longer than an entry is; something long that a killed program left"})
	if err := Take(top, slots.Step{Kind: slots.Create, To: entry(t, "kios-0002.conf")}, "0.2.0"); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, top); !slices.Equal(got, []string{"kios-0001.conf", "kios-0002.conf"}) || read(t, top, "kios-0002.conf") != string(slots.Content(2, "0.2.0")) {
		t.Errorf("%q", got)
	}
}

// smallFAT is a FAT32 file system of four clusters, of which the last one is lost.
func smallFAT() []byte {
	const sector, clusters = 512, 4
	disk := make([]byte, (2+clusters)*sector)
	u16 := func(at int, v uint16) { binary.LittleEndian.PutUint16(disk[at:], v) }
	u32 := func(at int, v uint32) { binary.LittleEndian.PutUint32(disk[at:], v) }
	u16(11, sector)
	disk[13], disk[14], disk[16] = 1, 1, 1 // sectors in a cluster and before the table, and tables
	u32(32, 2+clusters)
	disk[36], disk[44] = 1, 2 // sectors of the table, and the root's cluster
	copy(disk[82:], "FAT32   ")
	disk[510], disk[511] = 0x55, 0xaa
	u32(sector+4*2, 0x0fffffff)
	u32(sector+4*5, 0x0fffffff)
	return disk
}

func TestTheMarkOfALostPowerIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "esp")
	disk := smallFAT()
	disk[65] = 0x03
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	if dirty, mended, err := TakeDirty(path); !dirty || mended != (fat.Mended{Lost: 1}) || err != nil {
		t.Errorf("%v, %+v, %v", dirty, mended, err)
	}
	if dirty, mended, err := TakeDirty(path); dirty || mended != (fat.Mended{}) || err != nil {
		t.Errorf("again: %v, %+v, %v", dirty, mended, err)
	}
	after, _ := os.ReadFile(path)
	disk[65] = 0x02
	binary.LittleEndian.PutUint32(disk[512+4*5:], 0)
	if !slices.Equal(after, disk) {
		t.Error("more than the mark and the lost cluster has changed")
	}
}

func TestTheMarkIsTakenBackFromWhatCannotBeMended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "esp")
	disk := smallFAT()
	disk[65], disk[44] = 0x01, 9
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	if dirty, _, err := TakeDirty(path); !dirty || err == nil {
		t.Errorf("%v, %v", dirty, err)
	}
	if dirty, _, err := TakeDirty(path); dirty || err != nil {
		t.Errorf("again: %v, %v", dirty, err)
	}
}

func TestAnotherFileSystemHasNoMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ext4")
	if err := os.WriteFile(path, slices.Repeat([]byte{0xff}, 1024), 0o600); err != nil {
		t.Fatal(err)
	}
	if dirty, _, err := TakeDirty(path); dirty || err != nil {
		t.Errorf("%v, %v", dirty, err)
	}
}
