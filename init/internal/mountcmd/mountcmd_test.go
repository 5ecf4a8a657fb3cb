package mountcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kios.dev/init/internal/testroot"
)

func call(t *testing.T, want int, do func(errOut *bytes.Buffer) int) string {
	t.Helper()
	var errOut bytes.Buffer
	if code := do(&errOut); code != want {
		t.Fatalf("exit code %d, want %d: %s", code, want, errOut.String())
	}
	return errOut.String()
}

func mount(t *testing.T, want int, args ...string) string {
	t.Helper()
	return call(t, want, func(errOut *bytes.Buffer) int { return Mount(args, &bytes.Buffer{}, errOut) })
}

func umount(t *testing.T, want int, args ...string) string {
	t.Helper()
	return call(t, want, func(errOut *bytes.Buffer) int { return Umount(args, errOut) })
}

// optionsOf reads the mount table of the thread, because only the thread is in the namespace.
func optionsOf(t *testing.T, target string) string {
	text, err := os.ReadFile("/proc/thread-self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[1] == target {
			found = fields[3]
		}
	}
	return found
}

func TestKubeletsMountsReachTheKernel(t *testing.T) {
	testroot.MountNamespace(t)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	os.Mkdir(a, 0o755)
	os.Mkdir(b, 0o755)

	mount(t, 0, "-t", "tmpfs", "-o", "nosuid,nodev,size=64k,mode=0700", "tmpfs", a)
	if got := optionsOf(t, a); !strings.HasPrefix(got, "rw,nosuid,nodev") || !strings.Contains(got, "size=64k") {
		t.Errorf("tmpfs: %s", got)
	}
	os.WriteFile(filepath.Join(a, "file"), nil, 0o600)
	mount(t, 0, "--no-canonicalize", "-o", "bind", a, b)
	mount(t, 0, "-o", "bind,remount,ro,nosuid,nodev", a, b)
	if err := os.WriteFile(filepath.Join(b, "file"), []byte("x"), 0o600); err == nil {
		t.Error("a read-only bind mount took a write")
	}
	umount(t, 0, b)
	mount(t, 0, "-o", "rbind,ro,noexec", a, b)
	if got := optionsOf(t, b); !strings.HasPrefix(got, "ro,") || !strings.Contains(got, "noexec") {
		t.Errorf("bind with flags in one call: %s", got)
	}
	mount(t, 0, "--make-rshared", b)
	umount(t, 0, "-l", b)
	umount(t, 0, "-f", a)
}

func TestFailuresHaveTheExitCodesOfMountAndTheWordsKubeletNeeds(t *testing.T) {
	testroot.MountNamespace(t)
	dir := t.TempDir()
	if text := umount(t, 32, dir); !strings.Contains(text, "not mounted") {
		t.Errorf("kubelet looks for its words in %q", text)
	}
	umount(t, 32, dir+"/missing")
	umount(t, 1)
	umount(t, 1, "--recursive", dir)
	mount(t, 1, "--frobnicate", dir)
	mount(t, 32, "-t", "nosuchfs", "none", dir)
	mount(t, 32, "-t", "tmpfs", "none", dir+"/missing")
	mount(t, 32, "/dev/null", dir)
	mount(t, 32, dir)
}
