package staticpods

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAPodRunsWithAllItsContainersAndItsSandbox(t *testing.T) {
	to, groups := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"chrony.yaml":  `{"metadata":{"namespace":"kube-system","name":"chrony","uid":"u1"},"spec":{"containers":[{},{}],"initContainers":[{},{"restartPolicy":"Always"}]}}`,
		"dhcp.yaml":    `{"metadata":{"namespace":"kube-system","name":"dhcp","uid":"u2"},"spec":{"restartPolicy":"Always","containers":[{}]}}`,
		"resize.yaml":  `{"metadata":{"namespace":"kube-system","name":"resize","uid":"u3"},"spec":{"restartPolicy":"OnFailure","containers":[{}]}}`,
		"own.yaml":     "metadata:\n  name: own\n",
		"no-uid.yaml":  `{"metadata":{"namespace":"default","name":"other"},"spec":{"containers":[{}]}}`,
		".new-17.yaml": `{"metadata":{"namespace":"kube-system","name":"half","uid":"u4"},"spec":{"containers":[{}]}}`,
	} {
		put(t, filepath.Join(to, name), text)
	}
	f := Folder{To: to}
	expect := func(want ...string) {
		t.Helper()
		if got := f.NotRunning(groups); !slices.Equal(got, want) {
			t.Errorf("not running: %q, want %q", got, want)
		}
	}
	expect("kube-system/chrony", "kube-system/dhcp")
	for _, container := range []string{"sandbox", "a", "b"} {
		put(t, filepath.Join(groups, "burstable/podu1", container, "cgroup.procs"), "17\n")
	}
	put(t, filepath.Join(groups, "podu2/sandbox/cgroup.procs"), "18\n")
	put(t, filepath.Join(groups, "podu2/a/cgroup.procs"), "")
	expect("kube-system/chrony", "kube-system/dhcp")
	put(t, filepath.Join(groups, "burstable/podu1/sidecar/cgroup.procs"), "17\n")
	put(t, filepath.Join(groups, "podu2/a/cgroup.procs"), "19\n20\n")
	expect()
}
