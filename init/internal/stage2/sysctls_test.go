package stage2

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/cmdline"
	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/sysctl"
)

func TestAPersonsKernelSettings(t *testing.T) {
	proc, etc, medium := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(folder, name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(folder+"/"+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(name, want string) {
		t.Helper()
		if text, _ := os.ReadFile(proc + "/" + name); strings.TrimSpace(string(text)) != want {
			t.Errorf("%s is %q, want %q", name, text, want)
		}
	}
	for _, name := range []string{"vm/swappiness", "vm/a", "vm/b", "kernel/modprobe"} {
		write(proc, name, "60\n")
	}
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: log, options: cmdline.Parse("sysctl.vm.b=7"), sysctls: newOperatorSysctls()}
	h.sysctls.applied = sysctl.NewApplied(proc)
	write(etc, sysctlFile, "vm.swappiness = 1\nvm.a = 1\nvm.b = 1\nvm.none = 1\nkernel.modprobe = /x\nnonsense\n")
	write(medium, sysctlFile, "vm.a = 2\n")
	for range 3 { // kubelet keeps ending
		h.applyOperatorSysctls([]string{etc, medium, t.TempDir()})
	}
	expect("vm/swappiness", "1")
	expect("vm/a", "2")             // the medium is over the document
	expect("vm/b", "60")            // and the kernel command line over both
	expect("kernel/modprobe", "60") // the host's
	log.Flush(time.Second)
	for _, part := range []string{`"name":"vm.none"`, "this kernel has no such setting", `"name":"kernel.modprobe"`, `"name":"line 6"`, `"code":"KIOS_INIT_SYSCTL"`, `"remedy":"Correct it`} {
		if strings.Count(console.String(), part) == 0 {
			t.Errorf("%s is not in %s", part, console.String())
		}
	}
	if said := strings.Count(console.String(), `"ev":"sysctl.refused"`); said != 3 {
		t.Errorf("said %d times", said)
	}
	// A rollback takes the document's settings back.
	write(etc, sysctlFile, "")
	h.applyOperatorSysctls([]string{etc, medium})
	expect("vm/swappiness", "60")
	expect("vm/a", "2")
	if err := os.Remove(etc + "/" + sysctlFile); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(etc+"/"+sysctlFile, 0o755); err != nil {
		t.Fatal(err)
	}
	h.applyOperatorSysctls([]string{etc})
	expect("vm/a", "60")
	log.Flush(time.Second)
	if !strings.Contains(console.String(), `"name":"all of it"`) {
		t.Error(console.String())
	}
}
