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
		if got, given := f.Running(groups); !slices.Equal(got, want) || given {
			t.Errorf("not running: %q, want %q; given: %v", got, want, given)
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

func TestAPodOfTheAPIServerIsNoneThatIsOffered(t *testing.T) {
	const own, given, hashed = "11111111-2222-8333-8444-555555555555", "0c1d2e3f-0011-4223-8344-556677889900", "0123456789abcdef0123456789abcdef"
	const written = "22222222-2222-4222-8222-222222222222"
	to, groups := t.TempDir(), t.TempDir()
	put(t, filepath.Join(to, "dhcp.yaml"), `{"metadata":{"namespace":"kube-system","name":"dhcp","uid":"`+own+`"},"spec":{"containers":[{}]}}`)
	put(t, filepath.Join(to, "own.yaml"), "metadata:\n  name: own\n  uid: "+written+"\n")
	f := Folder{To: to}
	expect := func(name string, want bool) {
		t.Helper()
		if _, got := f.Running(groups); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	run := func(uid, container string) {
		put(t, filepath.Join(groups, "besteffort/pod"+uid, container, "cgroup.procs"), "17\n")
	}
	expect("nothing runs", false)
	for _, uid := range []string{own, hashed, written} {
		run(uid, "sandbox")
		run(uid, "a")
	}
	expect("static pods run, one with a uid of kubelet's own", false)
	put(t, filepath.Join(groups, "besteffort/pod"+given, "cgroup.procs"), "")
	run(given, "sandbox")
	expect("a pod that does not come beyond its sandbox", false)
	put(t, filepath.Join(groups, "besteffort/pod"+given, "a/cgroup.procs"), "")
	expect("a container that has ended", false)
	run(given, "a")
	expect("a pod of the API server", true)
}
