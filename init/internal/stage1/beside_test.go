package stage1

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kios.dev/init/internal/fault"
)

// initramfs makes one with these files, by their paths.
func initramfs(t *testing.T, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	for name, text := range files {
		file := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]) + "\n"
}

const beside = ".extra/sysext/root.sysext.raw"

func TestARootInTheInitramfsStaysWhateverLiesBesideTheEFIFile(t *testing.T) {
	top := initramfs(t, map[string]string{"root.erofs": "own", beside: "other"})
	if err := takeBeside(top); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(top, image)); string(text) != "own" {
		t.Errorf("the root is now %q", text)
	}
}

func TestTheRootBesideIsTakenIfItIsTheOneOfTheInitramfs(t *testing.T) {
	top := initramfs(t, map[string]string{"root.sha256": digestOf("root"), beside: "root"})
	if err := takeBeside(top); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(top, image)); string(text) != "root" {
		t.Errorf("the root is %q: %v", text, err)
	}
}

func TestNoOtherRootIsTaken(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"none":                  {"root.sha256": digestOf("root")},
		"one byte changed":      {"root.sha256": digestOf("root"), beside: "roos"},
		"cut short":             {"root.sha256": digestOf("root"), beside: "roo"},
		"longer":                {"root.sha256": digestOf("root"), beside: "root\n"},
		"empty":                 {"root.sha256": digestOf("root"), beside: ""},
		"under another name":    {"root.sha256": digestOf("root"), ".extra/sysext/other.raw": "root"},
		"an empty digest":       {"root.sha256": "", beside: ""},
		"half a digest":         {"root.sha256": digestOf("root")[:32], beside: "root"},
		"too long for a digest": {"root.sha256": strings.Repeat(digestOf("root"), 2), beside: "root"},
	} {
		top := initramfs(t, files)
		var failed *fault.Error
		if err := takeBeside(top); !errors.As(err, &failed) || failed.Code != fault.Root {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(top, image)); !os.IsNotExist(err) {
			t.Errorf("%s: there is a root", name)
		}
	}
}
