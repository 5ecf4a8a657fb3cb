package traceguard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kios.dev/init/internal/testvector"
)

var vector = testvector.Path("kernel-layout.json")

func vectorLayout(t *testing.T) layout {
	t.Helper()
	l, err := readLayout(vector, "6.12.0-kios\n")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTheLayoutOfAnotherKernelIsRefused(t *testing.T) {
	for text, cause := range map[string]string{
		``:                            "unexpected end",
		`{"v":2,"kernel":"6.12.0"}`:   "version 2",
		`{"v":1,"kernel":"6.12.0-x"}`: "for the kernel 6.12.0-x",
		`{"v":1,"kernel":"6.12.0","offsets":{"a.b":70000}}`: "cannot unmarshal",
	} {
		path := filepath.Join(t.TempDir(), "layout")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readLayout(path, "6.12.0"); err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := readLayout(filepath.Join(t.TempDir(), "none"), ""); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestWhatALayoutLacksIsNamed(t *testing.T) {
	for name := range vectorLayout(t).Offsets {
		l := vectorLayout(t)
		delete(l.Offsets, name)
		_, first := tracing(l)
		_, second := ftraceSwitch(l)
		if (first == nil) == (second == nil) {
			t.Errorf("%s: %v, %v", name, first, second)
		}
	}
	if _, err := (layout{}).function("bpf_lsm_file_open"); err == nil {
		t.Error("a function that the layout lacks was found")
	}
}
