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

func TestANodeHasMovedWhenItJoinedOnAnotherMachine(t *testing.T) {
	dir := t.TempDir()
	moved := func(machine string, want bool) {
		t.Helper()
		if got := hasMoved(dir, machine); got != want {
			t.Errorf("on machine %q: moved %v", machine, got)
		}
	}
	record := func(machine string) {
		t.Helper()
		if err := writeMachine(dir, machine); err != nil {
			t.Fatal(err)
		}
	}
	moved("aa", false) // an older version of init kept no record
	record("aa")
	moved("aa", false)
	moved("bb", true)
	moved("", true)
	record("bb")
	moved("bb", false)
	moved("aa", true)
	record("") // a machine without facts
	moved("", false)
	moved("aa", true)
}

func TestAMachineThatIsRecordedIsNotWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	if err := writeMachine(dir, "aa"); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(dir + "/machine")
	if err := writeMachine(dir, "aa"); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(dir + "/machine"); err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced: %v", err)
	}
}

func TestARecordThatIsNoFileOpensNoSeeds(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/proc/version", dir+"/machine"); err != nil {
		t.Fatal(err)
	}
	if hasMoved(dir, "aa") {
		t.Error("a link to /proc counts as the record of another machine")
	}
}

func TestANodeIsJoinedWithAKubeconfig(t *testing.T) {
	etc := t.TempDir()
	if err := os.MkdirAll(etc+"/kubernetes", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(etc+"/kubernetes/bootstrap-kubelet.conf", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if isJoined(etc) {
		t.Error("a node that has only a token has joined")
	}
	// Kubelet writes it without a sync: after a power cut it is empty, and nobody could join again without the seeds.
	if err := os.WriteFile(etc+"/kubernetes/kubelet.conf", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if isJoined(etc) {
		t.Error("an empty kubeconfig counts")
	}
	if err := os.WriteFile(etc+"/kubernetes/kubelet.conf", []byte("kind: Config"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !isJoined(etc) {
		t.Error("a node with a kubeconfig has not joined")
	}
}

func TestTheMediumsSettingsOfCardsAreCopiedOrReported(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"there is none", "", ""},
		{"it is copied", "interfaces: {}\n", ""},
		{"it is too long", strings.Repeat("#", seed.MaxNetwork+1), "KIOS_INIT_SEED"},
	} {
		from, to := t.TempDir(), t.TempDir()
		if c.content != "" {
			os.WriteFile(from+"/dhcp.yaml", []byte(c.content), 0o644)
		}
		var console bytes.Buffer
		log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
		if err != nil {
			t.Fatal(err)
		}
		h := &host{log: log}
		h.takeSettings(from, to)
		log.Flush(time.Second)
		said := console.String()
		if (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s: it says %q", c.name, said)
		}
		copied, _ := os.ReadFile(to + "/dhcp.yaml")
		if want := c.content; c.says == "" && string(copied) != want || c.says != "" && len(copied) > 0 {
			t.Errorf("%s: copied %d bytes", c.name, len(copied))
		}
	}
}
