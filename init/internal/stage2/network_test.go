package stage2

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/seed"
)

// boots takes a network file in one boot after the other, with the same data partition.
type boots struct {
	t    *testing.T
	meta string
}

// expect boots once, and compares what the DHCP agent finds.
func (b boots) expect(what string, found seed.Network, joined bool, source, content string) {
	b.t.Helper()
	var console bytes.Buffer
	log, err := eventlog.Open(b.t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		b.t.Fatal(err)
	}
	to := b.t.TempDir()
	(&host{log: log}).takeNetworkFile(found, joined, b.meta, to)
	log.Flush(time.Second)
	if console.Len() > 0 {
		b.t.Errorf("%s: it says %s", what, console.String())
	}
	file, _ := os.ReadFile(to + "/network.yaml")
	from, _ := os.ReadFile(to + "/network.json")
	if string(file) != content || source == "" && len(from) > 0 || source != "" && string(from) != `{"v":1,"source":"`+source+"\"}\n" {
		b.t.Errorf("%s: %q from %q", what, file, from)
	}
	if info, err := os.Stat(to + "/network.yaml"); err == nil && info.Mode().Perm() != 0o600 {
		b.t.Errorf("%s: others may read it: %v", what, info.Mode())
	}
}

func TestAJoinedNodeKeepsTheNetworkThatItsVolumeGaveIt(t *testing.T) {
	b := boots{t, t.TempDir()}
	none, boot := seed.Network{}, seed.Network{Source: seed.FromBoot, Content: []byte("b")}
	drive := seed.Network{Source: "config-2", Content: []byte("{\"links\":[]}\x00")}
	b.expect("nothing yet", none, false, "", "")
	b.expect("a config drive", drive, false, "config-2", string(drive.Content))
	before, _ := os.Stat(b.meta + "/network.json")
	b.expect("again", drive, false, "config-2", string(drive.Content))
	if after, err := os.Stat(b.meta + "/network.json"); err != nil || !os.SameFile(before, after) {
		t.Errorf("what is kept was written again: %v", err)
	}
	b.expect("joined, so the drive is not mounted", none, true, "config-2", string(drive.Content))
	b.expect("joined, and a person says otherwise", boot, true, "boot", "b")
	b.expect("joined, and what a person says cannot be read", seed.Network{Source: seed.FromBoot}, true, "", "")
	b.expect("joined, and a partition of the own disk has one", seed.Network{Source: "nocloud", Content: []byte("n")}, true, "nocloud", "n")
	b.expect("joined, without any of these", none, true, "config-2", string(drive.Content))
	b.expect("reset, with the file in kios", boot, false, "boot", "b")
	b.expect("joined by that, and the file is gone", none, true, "", "")
}

func TestAKeptNetworkFileThatIsDamagedIsNone(t *testing.T) {
	b := boots{t, t.TempDir()}
	for _, text := range []string{"", "{", `{"source":"nocloud","content":"no base64"}`, strings.Repeat(" ", maxKept+1)} {
		if err := os.WriteFile(b.meta+"/network.json", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.expect("damaged", seed.Network{}, true, "", "")
	}
}

func TestANetworkFileThatCannotBeKeptIsUsedAndReported(t *testing.T) {
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	(&host{log: log}).takeNetworkFile(seed.Network{Source: "nocloud", Content: []byte("n")}, false, t.TempDir()+"/none", to)
	log.Flush(time.Second)
	if file, _ := os.ReadFile(to + "/network.yaml"); string(file) != "n" || !strings.Contains(console.String(), "KIOS_INIT_SEED") {
		t.Errorf("%q, and it says %s", file, console.String())
	}
}
