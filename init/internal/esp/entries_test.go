package esp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	if v := Version(top, entry(t, "kios-0002.conf")); v != "0.2.0" {
		t.Errorf("version %q", v)
	}
}

func TestTheMarkOfALostPowerIsTakenBack(t *testing.T) {
	fat32, fat16 := make([]byte, 1024), make([]byte, 1024)
	copy(fat32[82:], "FAT32   ")
	copy(fat16[54:], "FAT16   ")
	for _, boot := range [][]byte{fat32, fat16} {
		boot[510], boot[511], boot[600] = 0x55, 0xaa, 7
	}
	for _, c := range []struct {
		name string
		boot []byte
		at   int
	}{{"FAT32", fat32, 65}, {"FAT16", fat16, 37}} {
		path := filepath.Join(t.TempDir(), "esp")
		c.boot[c.at] = 0x03
		if err := os.WriteFile(path, c.boot, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			if dirty, err := TakeDirty(path); dirty != want || err != nil {
				t.Errorf("%s: %v, %v", c.name, dirty, err)
			}
		}
		after, _ := os.ReadFile(path)
		c.boot[c.at] = 0x02
		if !slices.Equal(after, c.boot) {
			t.Errorf("%s: more than the mark has changed", c.name)
		}
	}
	path := filepath.Join(t.TempDir(), "ext4")
	if err := os.WriteFile(path, slices.Repeat([]byte{0xff}, 1024), 0o600); err != nil {
		t.Fatal(err)
	}
	if dirty, err := TakeDirty(path); dirty || err != nil {
		t.Errorf("no FAT: %v, %v", dirty, err)
	}
}
