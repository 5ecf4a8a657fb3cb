package stage2

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/modules"
	"kios.dev/init/internal/seed"
	"kios.dev/init/internal/slots"
)

// refusedFrom returns what is said of modules at these places, all of which have other bytes.
func refusedFrom(t *testing.T, places ...modulesFile) string {
	t.Helper()
	for _, place := range places {
		if err := os.MkdirAll(place.folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(place.folder, place.name), []byte("of last year"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log, versions: &versions{}}
	h.mountModulesFrom(append(places, modulesFile{t.TempDir(), "modules.erofs"}), modules.Image{SHA256: strings.Repeat("ab", 32)})
	log.Flush(time.Second)
	if h.versions.hasModules.Load() {
		t.Error("it counts as mounted")
	}
	return console.String()
}

func TestAForeignModulesImageIsNamedAndTheBootGoesOn(t *testing.T) {
	medium := filepath.Join(t.TempDir(), "medium")
	said := refusedFrom(t, modulesFile{medium, "modules.erofs"})
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, `"modules.refused"`) || !strings.Contains(said, "KIOS_INIT_MODULES_IMAGE") ||
		!strings.Contains(said, medium+"/modules.erofs") || !strings.Contains(said, "belongs to another build") || !strings.Contains(said, "or remove it") {
		t.Errorf("console: %s", said)
	}
}

func TestModulesOfAnUpdateThatRottedAreNamedBesideThoseOfTheFlashedSystem(t *testing.T) {
	top := t.TempDir()
	said := refusedFrom(t, modulesFile{top + "/EFI/kios", "0002.mod"}, modulesFile{top + "/kios", "modules.erofs"})
	if strings.Count(said, "\n") != 2 || !strings.Contains(said, "/EFI/kios/0002.mod") || !strings.Contains(said, "update the node to another version") {
		t.Errorf("console: %s", said)
	}
}

func TestAGenerationTakesItsOwnModulesFirst(t *testing.T) {
	people := []modulesFile{{seed.BootDir, "modules.erofs"}, {"/var/lib/kios", "modules.erofs"}}
	own := modulesFile{"/top/EFI/kios", "0012.mod"}
	if got := modulesFiles("/top", slots.Start{Running: 12}); !slices.Equal(got, append([]modulesFile{own}, people...)) {
		t.Errorf("a generation: %v", got)
	}
	ofBoard := modulesFile{"/top/system/0012", "modules.erofs"}
	if got := modulesFiles("/top", slots.Start{Running: 12, Board: "rpi4"}); !slices.Equal(got, append([]modulesFile{ofBoard}, people...)) {
		t.Errorf("a generation of a board: %v", got)
	}
	for _, got := range [][]modulesFile{modulesFiles("", slots.Start{Running: 12}), modulesFiles("/top", slots.Start{})} {
		if !slices.Equal(got, people) {
			t.Errorf("no medium, or no slots: %v", got)
		}
	}
}
