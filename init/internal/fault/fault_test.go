package fault

import (
	"errors"
	"os"
	"regexp"
	"slices"
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

func TestAnErrorNamesTheActionAndItsCause(t *testing.T) {
	err := New(Mount, "mount /a", "try b", os.ErrPermission)
	if err.Error() != "mount /a: permission denied" || !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
