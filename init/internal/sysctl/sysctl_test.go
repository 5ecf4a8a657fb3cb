package sysctl

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSettingsConfIsWellFormedAndNamesEachSettingOnce(t *testing.T) {
	rows, err := parse(text)
	if err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.Name] {
			t.Errorf("%s has two rows", row.Name)
		}
		seen[row.Name] = true
	}
	if len(rows) == 0 {
		t.Error("no rows")
	}
}

func TestEverySettingIsAppliedEitherAtBootOrAfterTheStart(t *testing.T) {
	late := AfterStart()
	if len(late) != len(afterStart) {
		t.Errorf("settings.conf has %d of the late settings %v", len(late), afterStart)
	}
	if got, want := len(AtBoot())+len(late), len(settings()); got != want {
		t.Errorf("%d rows are applied, %d are in settings.conf", got, want)
	}
}

func TestParseReadsRowsInOrderAndSkipsComments(t *testing.T) {
	rows, err := parse("# a.b = 1\n\nkernel.modprobe =\n  vm.x=1 # 2  \nnet.ipv4.y_1 = a = b")
	want := []Setting{{"kernel/modprobe", ""}, {"vm/x", "1 # 2"}, {"net/ipv4/y_1", "a = b"}}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("%q %v", rows, err)
	}
}

func TestParseNamesTheMalformedLine(t *testing.T) {
	for _, bad := range []string{"vm.x", "= 1", "vm..x = 1", ".vm = 1", "vm/x = 1", "-vm.x = 1", "net.*.x = 1", "vm x = 1", "; vm.x = 1"} {
		rows, err := parse("kernel.a = 1\n" + bad + "\nkernel.b = 2\n")
		if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || len(rows) != 2 {
			t.Errorf("%q: %q %v", bad, rows, err)
		}
	}
}

func TestApplyWritesWhatTheKernelHasAndReturnsWhatFails(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(root+"/kernel/folder", 0o755)
	os.WriteFile(root+"/kernel/panic", []byte("0\n"), 0o644)
	failed := Apply(root, []Setting{{"kernel/absent", "1"}, {"kernel/folder", "1"}, {"kernel/panic", "10"}})
	if len(failed) != 1 || failed[0].Name != "kernel.folder" {
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

func TestReserveIsLoweredOnSmallMachinesOnly(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(root+"/vm", 0o755)
	if rows := Reserve(root, 2<<30); rows != nil {
		t.Errorf("kernel without the setting: %+v", rows)
	}
	os.WriteFile(root+"/vm/min_free_kbytes", []byte("45056\n"), 0o644)
	if rows := Reserve(root, 2<<30); len(rows) != 1 || rows[0] != (Setting{"vm/min_free_kbytes", "5792"}) {
		t.Errorf("%+v", rows)
	}
	if rows := Reserve(root, 256<<30); rows != nil {
		t.Errorf("large machine: %+v", rows)
	}
}
