package fault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func codes(t *testing.T, path string, pattern string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return found
}

func TestEveryCodeIsDocumentedAndEveryDocumentedCodeExists(t *testing.T) {
	source := codes(t, "fault.go", `"(KIOS_INIT_[A-Z_]+)"`)
	documented := codes(t, "../../../docs/errors.md", `\| (KIOS_INIT_[A-Z_]+) \|`)
	if len(source) == 0 || !slices.Equal(source, documented) {
		t.Errorf("source %v\ndocs   %v", source, documented)
	}
}

// A code that is documented, and that no part of init gives to a fault any more, tells people of what cannot happen.
func TestEveryCodeIsTold(t *testing.T) {
	used := regexp.MustCompile(`\bfault\.(\w+)`)
	told := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range used.FindAllSubmatch(text, -1) {
			told[string(match[1])] = true
		}
		return err
	})
	names := codes(t, "fault.go", `(?m)^\s+(\w+)\s+= "KIOS_INIT_`)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if !told[name] {
			t.Errorf("nothing tells %s", name)
		}
	}
}

func TestAnErrorNamesTheActionAndItsCause(t *testing.T) {
	err := New(Mount, "mount /a", "try b", os.ErrPermission)
	if err.Error() != "mount /a: permission denied" || !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
