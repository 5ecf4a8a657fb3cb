package slots

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestAnEntrysNameIsReadAsItIsWritten(t *testing.T) {
	for name, want := range map[string]Entry{
		"kios-0001.conf":      {Generation: 1},
		"kios-9999.conf":      {Generation: 9999},
		"kios-0002+3-0.conf":  {2, true, 3, 0},
		"kios-0002+0-3.conf":  {2, true, 0, 3},
		"kios-0002+0-12.conf": {2, true, 0, 12},
	} {
		got, ok := ParseEntry(name)
		if !ok || got != want || got.Name() != name {
			t.Errorf("%s: %+v (%v), written %s", name, got, ok, got.Name())
		}
	}
	if got, ok := ParseEntry("KIOS-0002+3.CONF"); !ok || got != (Entry{2, true, 3, 0}) {
		t.Errorf("without what was done, in capitals: %+v, %v", got, ok)
	}
}

func TestAnythingElseIsNoEntry(t *testing.T) {
	for _, name := range []string{
		"", "k.tmp", "KIOS-2~1.CON", "kios-1.conf", "kios-00001.conf", "kios-0000.conf", "kios-0002+.conf", "kios-0002+3-.conf",
		"kios-0002+-1.conf", "kios-0002+3-0", "kios-0002+3-0.conf~", "other.conf", "a/kios-0001.conf", "kios-0002+1234567890.conf",
	} {
		if got, ok := ParseEntry(name); ok {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

// The vectors bind all who read and write the medium.
func TestNamesAndTextsAreThoseOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/boot-slots.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Entry struct {
			Generation               int
			Version, Name, EFI, Text string
		}
		Names []struct {
			Name                  string
			Generation, TriesDone int
			TriesLeft             *int
		}
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Names) == 0 {
		t.Fatal(err)
	}
	e := vectors.Entry
	if got := EntriesDir + "/" + (Entry{Generation: e.Generation}).Name(); got != e.Name {
		t.Errorf("%s, the vector is %s", got, e.Name)
	}
	if got := ImagesDir + "/" + ImageName(e.Generation); got != e.EFI {
		t.Errorf("%s, the vector is %s", got, e.EFI)
	}
	if got := string(Content(e.Generation, e.Version)); got != e.Text {
		t.Errorf("%q, the vector is %q", got, e.Text)
	}
	for _, v := range vectors.Names {
		want := Entry{Generation: v.Generation}
		if v.TriesLeft != nil {
			want = Entry{v.Generation, true, *v.TriesLeft, v.TriesDone}
		}
		if got, ok := ParseEntry(v.Name); got != want || ok != (v.Generation > 0) {
			t.Errorf("%s: %+v, %v", v.Name, got, ok)
		}
	}
}

func TestAnImagesNameIsItsGeneration(t *testing.T) {
	for name, want := range map[string]int{"0001.efi": 1, "9999.EFI": 9999, "0000.efi": 0, "1.efi": 0, "0001.efi.extra.d": 0, "": 0} {
		if got, ok := ParseImage(name); got != want || ok != (want > 0) {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
	}
}

func TestAnEntryNamesItsImageAndNeverOptions(t *testing.T) {
	got := string(Content(2, "0.2.0"))
	if got != "title kiOS 0.2.0\nversion 0002\nsort-key kios\nlinux /EFI/kios/0002.efi\n" {
		t.Errorf("%q", got)
	}
	if VersionIn([]byte(got)) != "0.2.0" || VersionIn(Content(2, "")) != "" || VersionIn(nil) != "" {
		t.Error("the version is not the title's")
	}
	for _, word := range []string{"options", "initrd", "default"} {
		if strings.Contains(got, word) {
			t.Errorf("it has %s", word)
		}
	}
}

func TestModulesAreNamedAsWhoWritesThemNamesThem(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/boot-slots.json")
	var vectors struct {
		Modules struct {
			Generation int
			Name       string
		}
	}
	if err != nil || json.Unmarshal(text, &vectors) != nil {
		t.Fatalf("%s, %v", text, err)
	}
	if got := ImagesDir + "/" + ModulesName(vectors.Modules.Generation); got != vectors.Modules.Name {
		t.Errorf("%s, want %s", got, vectors.Modules.Name)
	}
	if _, ok := ParseImage(ModulesName(2)); ok {
		t.Error("they count as a system")
	}
}
