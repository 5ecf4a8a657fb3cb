package sysctl

import (
	"os"
	"path/filepath"
	"testing"
)

func TestApplyWritesWhatIsThereAndTellsWhatFails(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(root+"/kernel/directory", 0o755)
	os.WriteFile(root+"/kernel/panic", []byte("0\n"), 0o644)
	failed := Apply(root, []Setting{{"kernel/absent", "1"}, {"kernel/directory", "1"}, {"kernel/panic", "10"}})
	if len(failed) != 1 || failed[0].Name != "kernel.directory" {
		t.Errorf("%+v", failed)
	}
	if text, _ := os.ReadFile(root + "/kernel/panic"); string(text) != "10\n" {
		t.Errorf("%q", text)
	}
}

func TestSettingsOfTheCommandLineAreLeftAlone(t *testing.T) {
	table := []Setting{{"kernel/panic", "10"}, {"kernel/sysrq", "0"}}
	left := Except(table, []string{"kernel/panic", "kernel/absent"})
	if len(left) != 1 || left[0].Name != "kernel/sysrq" || len(table) != 2 {
		t.Errorf("%+v of %+v", left, table)
	}
}

func TestNoSettingIsGivenTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Table {
		if seen[row.Name] || row.Name != filepath.Clean(row.Name) {
			t.Errorf("%s", row.Name)
		}
		seen[row.Name] = true
	}
}

func TestReserveIsLoweredOnSmallMachinesOnly(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(root+"/vm", 0o755)
	if rows := Reserve(root, 2<<30); rows != nil {
		t.Errorf("of a kernel without the setting: %+v", rows)
	}
	os.WriteFile(root+"/vm/min_free_kbytes", []byte("45056\n"), 0o644)
	if rows := Reserve(root, 2<<30); len(rows) != 1 || rows[0] != (Setting{"vm/min_free_kbytes", "5792"}) {
		t.Errorf("%+v", rows)
	}
	if rows := Reserve(root, 256<<30); rows != nil {
		t.Errorf("of a large machine: %+v", rows)
	}
}
