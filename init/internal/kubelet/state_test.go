package kubelet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCheckpointsOfAnotherVersionAreForgotten(t *testing.T) {
	folder, marker := t.TempDir(), filepath.Join(t.TempDir(), "kubelet")
	left := func() (names []string) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	for _, c := range []struct {
		name, version string
		forgot        bool
	}{
		{"before there was a marker", "0.1.0", true},
		{"the same version", "0.1.0", false},
		{"a newer one", "0.2.0", true},
		{"the older one again", "0.1.0", true},
	} {
		for _, name := range []string{"cpu_manager_state", "memory_manager_state", "allocated_pods_state", "graceful_node_shutdown_state"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		forgot, err := ForgetCheckpoints(folder, marker, c.version)
		if err != nil || forgot != c.forgot || c.forgot != slices.Equal(left(), []string{"graceful_node_shutdown_state"}) {
			t.Errorf("%s: %v, %v, left %q", c.name, forgot, err, left())
		}
	}
}

func TestACheckpointThatStaysIsTriedAgain(t *testing.T) {
	folder, marker := t.TempDir(), filepath.Join(t.TempDir(), "kubelet")
	if err := os.MkdirAll(filepath.Join(folder, "cpu_manager_state/full"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := ForgetCheckpoints(folder, marker, "0.2.0"); err == nil {
			t.Error("no error")
		}
	}
}

// With `kubelet.config: {cpuManagerPolicy: static}` a node never ran again: the kubelet before had kept another policy.
func TestKubeletSaysWithWhichCheckpointItDoesNotStart(t *testing.T) {
	const (
		started = `E0525 05:33:16.571404   14083 kubelet.go:1480] "Failed to start ContainerManager" err="start %s manager error: could not restore state from checkpoint: %s, please drain this node and delete the %s manager checkpoint file \"/var/lib/kubelet/%s\" before restarting Kubelet"`
		policy  = `configured policy \"static\" differs from state checkpoint policy \"none\"`
	)
	for _, c := range []struct{ name, line, want string }{
		{"another policy for processors", fmt.Sprintf(started, "cpu", policy, "CPU", "cpu_manager_state"), "cpu_manager_state"},
		{"another policy for memory", fmt.Sprintf(started, "memory", "[memorymanager] "+policy, "memory", "memory_manager_state"), "memory_manager_state"},
		{"a damaged one", fmt.Sprintf(started, "cpu", "checkpoint is corrupted", "CPU", "cpu_manager_state"), "cpu_manager_state"},
		{
			"the line before it",
			`E0525 05:33:16.571249   14083 cpu_manager.go:224] "Could not initialize checkpoint manager, please drain node and remove policy state file" err="could not restore state from checkpoint: ` + policy + `, please drain this node and delete the CPU manager checkpoint file \"/var/lib/kubelet/cpu_manager_state\" before restarting Kubelet"`,
			"cpu_manager_state",
		},
		{
			"resources of pods",
			`E1127 1 manager.go:1] "Failed to initialize allocation checkpoint manager" err="could not restore state from checkpoint: checkpoint is corrupted, please drain this node and delete pod resource information checkpoint file \"/var/lib/kubelet/allocated_pods_state\" before restarting Kubelet"`,
			"allocated_pods_state",
		},
		{"another file", fmt.Sprintf(started, "cpu", policy, "CPU", "../../../etc/hostname"), ""},
		{"another cause", `E1127 1 kubelet.go:1480] "Failed to start ContainerManager" err="system validation failed"`, ""},
		{"cut short", strings.TrimSuffix(fmt.Sprintf(started, "cpu", policy, "CPU", "cpu_manager_state"), `"`), ""},
		{
			"what a registry says",
			`E1127 1 pod_workers.go:1338] "Error syncing pod, skipping" err="failed: ` + strings.ReplaceAll(fmt.Sprintf(started, "cpu", policy, "CPU", "cpu_manager_state"), `"`, `\"`) + `" pod="a/b"`,
			"",
		},
		{"what a pod's line says", `E1127 1 x.go:1] "x" err="` + "]" + `" then="y] "Failed to start ContainerManager" err="checkpoint file \"/var/lib/kubelet/cpu_manager_state\""`, ""},
	} {
		if got := RefusedCheckpoint([]byte(c.line)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
