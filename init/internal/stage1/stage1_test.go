package stage1

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatTheStubLeavesIsReadIfItIsNotTooLong(t *testing.T) {
	folder := t.TempDir()
	if m := readMeasured(filepath.Join(folder, "none")); m.Key != nil || m.Signature != nil {
		t.Errorf("%+v", m)
	}
	for name, text := range map[string]string{"tpm2-pcr-public-key.pem": "key", "tpm2-pcr-signature.json": strings.Repeat("x", mostExtra+1)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if m := readMeasured(folder); string(m.Key) != "key" || m.Signature != nil {
		t.Errorf("%+v", m)
	}
}
