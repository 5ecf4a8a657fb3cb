package kubelet

import (
	"os"
	"path/filepath"
	"slices"
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
