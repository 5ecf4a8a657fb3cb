package kubelet

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFIFOAsAnyFileStopsNoBoot(t *testing.T) {
	strange := map[string]func(path string) error{
		"a FIFO":                     func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a link to the kernel's log": func(path string) error { return os.Symlink("/proc/kmsg", path) },
		"a link to zeros without end": func(path string) error {
			return os.Symlink("/dev/zero", path)
		},
		"a link out of /etc": func(path string) error {
			outside := filepath.Join(filepath.Dir(path), "..", "outside")
			os.WriteFile(outside, []byte("node-1\n"), 0o644)
			return os.Symlink(outside, path)
		},
		"a folder": func(path string) error { return os.Mkdir(path, 0o755) },
	}
	for name, put := range strange {
		etc := filepath.Join(t.TempDir(), "etc")
		if err := os.MkdirAll(filepath.Join(etc, "kubernetes"), 0o755); err != nil {
			t.Fatal(err)
		}
		paths := []string{hostname, nodeLabels, nodeIP, manager, proxy, kubeconfig, bootstrap, credentials}
		for _, path := range paths {
			if err := put(filepath.Join(etc, below(path))); err != nil {
				t.Fatal(err)
			}
		}
		within(t, name, func() {
			plan := Make(ReadFiles(etc), own)
			if plan.Mode != "standalone" || plan.Name != own || len(plan.Args) != 3 {
				t.Errorf("%s: %+v", name, plan)
			}
			var named []string
			for _, fault := range plan.Faults {
				named = append(named, fault.File)
			}
			if !slices.Equal(named, paths) {
				t.Errorf("%s: named %v", name, named)
			}
		})
	}
}

func TestFilesAreRead(t *testing.T) {
	etc := t.TempDir()
	if files := ReadFiles(etc); files.Hostname != nil || files.Kubeconfig || files.Unusable != nil {
		t.Errorf("an empty folder: %+v", files)
	}
	if err := os.Mkdir(etc+"/kubernetes", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{hostname, kubeconfig} {
		if err := os.WriteFile(filepath.Join(etc, below(path)), []byte("node-1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(etc, below(nodeIP)), []byte(strings.Repeat("1", fileLimit+1)), 0o644); err != nil {
		t.Fatal(err)
	}
	plan := Make(ReadFiles(etc), own)
	if plan.Name != (Name{"node-1", "file"}) || plan.Mode != "cluster" || len(plan.Faults) != 1 || plan.Faults[0].File != nodeIP {
		t.Errorf("%+v", plan)
	}
}
