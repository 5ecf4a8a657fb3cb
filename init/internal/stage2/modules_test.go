package stage2

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/modules"
)

func TestAForeignModulesImageIsNamedAndTheBootGoesOn(t *testing.T) {
	dir := t.TempDir()
	medium, data := filepath.Join(dir, "medium"), filepath.Join(dir, "data")
	for _, folder := range []string{medium, data} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(medium, "modules.erofs"), []byte("of last year"), 0o644); err != nil {
		t.Fatal(err)
	}
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log}
	h.mountModulesFrom([]string{medium, data, dir + "/none"}, modules.Image{SHA256: strings.Repeat("ab", 32)})
	log.Flush(time.Second)
	said := console.String()
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, `"modules.refused"`) || !strings.Contains(said, "KIOS_INIT_MODULES_IMAGE") ||
		!strings.Contains(said, medium+"/modules.erofs") || !strings.Contains(said, "belongs to another build") {
		t.Errorf("console: %s", said)
	}
}
