package sysctl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestOperatorsTextsReadAsTheVectorsSay(t *testing.T) {
	vectors := testvector.Read[struct {
		OfHost []string
		Texts  []struct {
			Text    string
			Rows    [][2]string
			Refused []string
		}
	}](t, "sysctls.json")
	if got := slices.Sorted(slices.Values(ofHost)); !slices.Equal(got, vectors.OfHost) {
		t.Errorf("of the host: %q", got)
	}
	for _, v := range vectors.Texts {
		rows, failed := ParseOperator(v.Text)
		got := [][2]string{}
		for _, row := range rows {
			got = append(got, [2]string{strings.ReplaceAll(row.Name, "/", "."), row.Value})
		}
		if !slices.Equal(got, v.Rows) {
			t.Errorf("%q: rows %q", v.Text, got)
		}
		names := []string{}
		for _, each := range failed {
			names = append(names, each.Name)
		}
		if !slices.Equal(names, v.Refused) {
			t.Errorf("%q: refused %q", v.Text, names)
		}
	}
}

// Whatever init sets for the host's protection, and what kubelet checks, is the host's.
func TestTheHostsProtectionIsTheHosts(t *testing.T) {
	for _, section := range []string{"# The kernel starts no program", "# What kubelet checks", "# Kernel self-protection"} {
		_, after, ok := strings.Cut(text, section)
		part, _, _ := strings.Cut(after, "\n\n")
		rows, err := parse("#" + part)
		if !ok || err != nil || len(rows) < 3 {
			t.Fatalf("%s: %v, %d rows", section, err, len(rows))
		}
		for _, row := range rows {
			if name := strings.ReplaceAll(row.Name, "/", "."); !slices.Contains(ofHost, name) {
				t.Errorf("%s may be changed", name)
			}
		}
	}
}

func FuzzParseOperator(f *testing.F) {
	f.Add("vm.swappiness = 1\nkernel.modprobe=x")
	f.Fuzz(func(t *testing.T, text string) {
		rows, _ := ParseOperator(text)
		for _, row := range rows {
			if !filepath.IsLocal(row.Name) || strings.Contains(row.Value, "\n") || row.Value == "" {
				t.Errorf("%q gives %q", text, row)
			}
		}
	})
}

func TestSettingsReturnWhenNobodyGivesThemAnyMore(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(root+"/vm", 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"vm/swappiness": "60\n", "vm/nr_hugepages": "0\n"}
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(name, value string) {
		t.Helper()
		if text, _ := os.ReadFile(filepath.Join(root, name)); strings.TrimSpace(string(text)) != value {
			t.Errorf("%s is %q, want %q", name, text, value)
		}
	}
	applied := NewApplied(root)
	if failed := applied.Set([]Setting{{"vm/swappiness", "10"}, {"vm/none", "1"}, {"vm/nr_hugepages", "8"}}); len(failed) != 1 || failed[0].Name != "vm.none" {
		t.Errorf("failed: %v", failed)
	}
	expect("vm/swappiness", "10")
	applied.Set([]Setting{{"vm/swappiness", "20"}})
	expect("vm/swappiness", "20")
	expect("vm/nr_hugepages", "0")
	if _, err := os.Stat(root + "/vm/none"); err == nil {
		t.Error("a setting was made that the kernel does not have")
	}
	applied.Set(nil)
	expect("vm/swappiness", "60")
}

func TestFewerHugePagesThanWantedAreNamed(t *testing.T) {
	path := t.TempDir() + "/pages"
	if err := os.WriteFile(path, []byte("3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tooFewPages(path, Setting{"vm/nr_hugepages", "8"}); err == nil || !strings.Contains(err.Error(), "3 pages of 8") {
		t.Error(err)
	}
	for _, row := range []Setting{{"vm/nr_hugepages", "3"}, {"vm/swappiness", "9"}} {
		if err := tooFewPages(path, row); err != nil {
			t.Error(row, err)
		}
	}
}
