package stage2

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/eventlog"
)

func TestACheckpointWithWhichKubeletDoesNotStartIsRemovedOnce(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"cpu_manager_state", "memory_manager_state"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log}
	h.forgetRefused(folder)
	h.refused.line([]byte(`E1 1 kubelet.go:1480] "Failed to start ContainerManager" err="start cpu manager error: could not restore state from checkpoint: configured policy \"static\" differs from state checkpoint policy \"none\", please drain this node and delete the CPU manager checkpoint file \"/var/lib/kubelet/cpu_manager_state\" before restarting Kubelet"`))
	h.forgetRefused(folder)
	h.forgetRefused(folder)
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != "memory_manager_state" {
		t.Errorf("%v %v", entries, err)
	}
	log.Flush(time.Second)
	if said := console.String(); strings.Count(said, "kubelet.checkpoints") != 1 || !strings.Contains(said, `"files":["cpu_manager_state"]`) {
		t.Error(said)
	}
}
