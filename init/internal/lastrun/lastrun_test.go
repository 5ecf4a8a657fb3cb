package lastrun

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
)

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	if r, err := Read(dir); r != nil || err != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	k := NewKeeper(dir, Record{BootID: "b", Version: "0.1.0", Started: time.Unix(1_700_000_000, 0).UTC(), Starvations: 2})
	if err := k.Write(); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(dir); err != nil || r.State != Running || r.V != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	k.Set(9, func(r *Record) { r.State, r.Action, r.Cause = Stopping, "reboot", strings.Repeat("ä", 999) })
	if err := k.Write(); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	want := &Record{V: 1, BootID: "b", Version: "0.1.0", Started: time.Unix(1_700_000_000, 0).UTC(), State: Stopping, Up: 9, Action: "reboot", Cause: strings.Repeat("ä", 250), Starvations: 2}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestADamagedRecordIsNoRecord(t *testing.T) {
	for _, text := range []string{"", "{", `{"v":2}`, strings.Repeat(" ", limit+1)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := Read(dir); r != nil || err == nil {
			t.Errorf("%.20q: %+v, %v", text, r, err)
		}
	}
}

func TestStarvationsInARowAreCounted(t *testing.T) {
	for _, c := range []struct {
		record *Record
		want   int
	}{
		{nil, 0},
		{&Record{State: Running, Starvations: 3}, 0},
		{&Record{State: Ended, Starvations: 3}, 0},
		{&Record{State: Starved, Starvations: 3, Up: 600}, 3},
		{&Record{State: Starved, Starvations: 3, Up: longRun}, 1},
	} {
		if got := c.record.ResetsBefore(); got != c.want {
			t.Errorf("%+v: %d", c.record, got)
		}
	}
}

func TestTheReasonFollowsFromTheEvidence(t *testing.T) {
	words := []string{"Kernel panic - not syncing: Fatal exception", "Oops: 0000 [#1]"}
	for _, c := range []struct {
		name   string
		e      Evidence
		reason Reason
		code   string
		cause  string
	}{
		{"no record", Evidence{}, Unknown, "", ""},
		{"no record, watchdog", Evidence{Status: unix.WDIOF_CARDRESET}, Hang, fault.LastHang, "the kernel or init did not feed it"},
		{"no record, panic", Evidence{Panic: words}, Panic, fault.LastPanic, "Kernel panic - not syncing: Fatal exception; Oops: 0000 [#1]"},
		{"reboot", Evidence{Record: &Record{State: Ended, Action: "reboot"}}, Reboot, "", ""},
		{"power off", Evidence{Record: &Record{State: Ended, Action: "power-off"}}, PowerOff, "", ""},
		{"firmware that keeps the status", Evidence{Record: &Record{State: Ended, Action: "reboot"}, Status: unix.WDIOF_CARDRESET}, Reboot, "", ""},
		{"running", Evidence{Record: &Record{State: Running}}, Cut, fault.LastCut, "power was lost, or the machine was reset from outside"},
		{"running, words lost", Evidence{Record: &Record{State: Running}, WordsLost: true}, Cut, fault.LastCut, "power was lost, the machine was reset from outside, or its kernel panicked"},
		{"running, silent watchdog", Evidence{Record: &Record{State: Running}, WatchdogSilent: true}, Cut, fault.LastCut, "power was lost, the machine was reset from outside, or its watchdog reset it"},
		{"stopping, neither tells", Evidence{Record: &Record{State: Stopping, Action: "reboot"}, WordsLost: true, WatchdogSilent: true}, Interrupted, fault.LastCut,
			"power was lost, the machine was reset from outside, its watchdog reset it, or its kernel panicked during an ordered reboot"},
		{"too hot, words lost", Evidence{Record: &Record{State: Running}, Status: unix.WDIOF_OVERHEAT, WordsLost: true}, Cut, fault.LastCut, "the machine was too hot"},
		{"too hot", Evidence{Record: &Record{State: Running}, Status: unix.WDIOF_OVERHEAT | unix.WDIOF_POWERUNDER}, Cut, fault.LastCut, "the machine was too hot"},
		{"running, watchdog", Evidence{Record: &Record{State: Running}, Status: unix.WDIOF_CARDRESET}, Hang, fault.LastHang, "the kernel or init did not feed it"},
		{"starved", Evidence{Record: &Record{State: Starved, Cause: "kubelet did not answer"}}, Hang, fault.LastHang, "kubelet did not answer"},
		{"starved, and panicked then", Evidence{Record: &Record{State: Starved}, Panic: words[:1]}, Panic, fault.LastPanic, words[0]},
		{"fault", Evidence{Record: &Record{State: Failed, Code: "KIOS_INIT_DATA", Cause: "mount x"}}, Fault, fault.LastFault, "KIOS_INIT_DATA mount x"},
		{"stopping", Evidence{Record: &Record{State: Stopping, Action: "reboot"}}, Interrupted, fault.LastCut, "power was lost, or the machine was reset from outside during an ordered reboot"},
		{"stopping, watchdog", Evidence{Record: &Record{State: Stopping, Action: "power-off"}, Status: unix.WDIOF_CARDRESET}, Hang, fault.LastHang, "the kernel or init did not feed it during an ordered power-off"},
	} {
		end := Explain(c.e)
		var code, cause string
		if end.Fault != nil {
			code, cause = end.Fault.Code, errors.Unwrap(end.Fault).Error()
		}
		if end.Reason != c.reason || code != c.code || cause != c.cause {
			t.Errorf("%s: %s %s %q", c.name, end.Reason, code, cause)
		}
		if needs := c.e.NeedsWords(); needs != (code != "") {
			t.Errorf("%s: needs words: %v", c.name, needs)
		}
	}
}

func TestAMachineWhoseKernelHasNoPlaceForItsWordsLosesThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backend")
	for text, want := range map[string]bool{"efi_pstore\n": false, "ramoops\n": false, "(null)\n": true, "\n": true} {
		if err := os.WriteFile(file, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
		if got := WordsLost(file); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if !WordsLost(filepath.Join(t.TempDir(), "none")) {
		t.Error("a kernel without pstore keeps nothing")
	}
}

func TestARebootThatInitOrderedHasItsCause(t *testing.T) {
	e := Evidence{Record: &Record{State: Ended, Action: "reboot", Code: fault.SlotsTrial, Cause: "kubelet does not serve", Generation: 2}}
	end := Explain(e)
	if end.Reason != Reboot || end.Fault == nil || end.Fault.Code != fault.SlotsTrial || errors.Unwrap(end.Fault).Error() != "kubelet does not serve" {
		t.Errorf("%+v", end)
	}
	if e.NeedsWords() {
		t.Error("its words are known, and the first pods come first")
	}
}

func TestARebootOfAHungMachineIsItsOperators(t *testing.T) {
	end := Explain(Evidence{Record: &Record{State: Ended, Action: "reboot", Code: fault.Hang, Cause: "kubelet did not answer"}})
	if end.Reason != Reboot || end.Fault != nil {
		t.Errorf("%+v", end)
	}
}

// records writes files as pstore shows those of EFI variables, of one dump a second.
func records(t *testing.T, files map[string]string) (folder, to string) {
	folder, to = t.TempDir(), filepath.Join(t.TempDir(), "crash")
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
		second := int64(1_700_000_000)
		if strings.Contains(name, "1700000060") {
			second += 60
		}
		if err := os.Chtimes(path, time.Time{}, time.Unix(second, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return folder, to
}

func names(t *testing.T, folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestPartsBecomeDumpsAndAreRemoved(t *testing.T) {
	folder, to := records(t, map[string]string{
		"dmesg-efi_pstore-170000000001001": "Oops#1 Part1\n<1>[    9.5] Call Trace:\n",
		"dmesg-efi_pstore-170000000001002": "Panic#2 Part1\n<0>[    9.7] end\n",
		"dmesg-efi_pstore-170000000002001": "Oops#1 Part2\n<1>[    9.4] BUG: unable to handle page fault\n",
		"dmesg-efi_pstore-170000000002002": "Panic#2 Part2\n<0>[    9.6] Kernel panic - not syncing: Fatal exception\n",
		"dmesg-efi_pstore-170000006001001": "Panic#1 Part1\n<0>[    3.0] Kernel panic - not syncing: again\n",
		"console-ramoops-0":                "not a dump",
	})
	dumps, err := Take(folder, to)
	if err != nil || len(dumps) != 3 {
		t.Fatalf("%d dumps, %v", len(dumps), err)
	}
	want := []struct{ reason, text, file string }{
		{"Oops", "<1>[    9.4] BUG: unable to handle page fault\n<1>[    9.5] Call Trace:\n", "20231114T221320-oops-1.txt"},
		{"Panic", "<0>[    9.6] Kernel panic - not syncing: Fatal exception\n<0>[    9.7] end\n", "20231114T221320-panic-2.txt"},
		{"Panic", "<0>[    3.0] Kernel panic - not syncing: again\n", "20231114T221420-panic-1.txt"},
	}
	for i, w := range want {
		kept, err := os.ReadFile(filepath.Join(to, w.file))
		if d := dumps[i]; d.Reason != w.reason || d.File != filepath.Join(to, w.file) || err != nil || string(kept) != w.text {
			t.Errorf("dump %d: %+v, kept %q, %v", i, d, kept, err)
		}
	}
	if left := names(t, folder); !reflect.DeepEqual(left, []string{"console-ramoops-0"}) {
		t.Errorf("left: %q", left)
	}
}

func TestAPanicEndsOneRunWhateverItsTime(t *testing.T) {
	files := map[string]string{
		"dmesg-efi_pstore-170000000001001": "Panic#1 Part1\n<0>[    9.7] end\n",
		"dmesg-efi_pstore-170000006001001": "Oops#1 Part1\n<1>[    9.5] BUG: x\n",
	}
	folder, to := records(t, files)
	for _, want := range []bool{true, false} { // the second boot finds what the firmware did not remove
		dumps, err := Take(folder, to)
		if err != nil || len(dumps) != 2 || dumps[0].EndedRun() != want || dumps[1].EndedRun() {
			t.Errorf("%+v, %v; the panic ended the run before: want %v", dumps, err, want)
		}
		folder, _ = records(t, files)
	}
	files["dmesg-efi_pstore-170000000001001"] = "Panic#1 Part1\n<0>[    9.8] end\n"
	folder, _ = records(t, files)
	if dumps, err := Take(folder, to); err != nil || len(dumps) != 2 || !dumps[0].EndedRun() {
		t.Errorf("%+v, %v: another panic of the same time", dumps, err)
	}
}

func TestOnlyTheNewestDumpsAreKept(t *testing.T) {
	folder, to := records(t, map[string]string{"dmesg-efi_pstore-170000000001001": "Panic#1 Part1\nx\n"})
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, day := range "0123456789" {
		if err := os.WriteFile(filepath.Join(to, "2023010"+string(day)+"T000000-panic-1.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Take(folder, to); err != nil {
		t.Fatal(err)
	}
	kept := names(t, to)
	if len(kept) != keptDumps || kept[0] != "20230103T000000-panic-1.txt" || kept[keptDumps-1] != "20231114T221320-panic-1.txt" {
		t.Errorf("%q", kept)
	}
}

func TestRecordsThatNoKernelWroteAreBounded(t *testing.T) {
	folder, to := records(t, map[string]string{
		"dmesg-a": "../../etc#1 Part1\nx\n",
		"dmesg-b": "Panic#1 Part9999999999999999999999\nx\n",
		"dmesg-c": "",
		"dmesg-d": "Oops#1 Part1\n" + strings.Repeat("y", dumpLimit+1),
		"dmesg-e": "Oops#2 Part1\n" + strings.Repeat("z", partLimit),
	})
	dumps, err := Take(folder, to)
	if err == nil || !strings.Contains(err.Error(), "dmesg-e") {
		t.Error(err)
	}
	for _, d := range dumps {
		if filepath.Dir(d.File) != to || len(d.Text) > dumpLimit {
			t.Errorf("%s, %d bytes", d.File, len(d.Text))
		}
	}
	if left := names(t, folder); !reflect.DeepEqual(left, []string{"dmesg-e"}) {
		t.Errorf("left: %q", left)
	}
}

func TestTheWordsOfADumpSayWhatHappened(t *testing.T) {
	for name, c := range map[string]struct{ text, words string }{
		"init ended": {"<6>[    1.0] x: y\n<0>[   50.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000200\n<4>[   50.2] CPU: 1 UID: 0 PID: 1 Comm: init\n",
			"Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000200|CPU: 1 UID: 0 PID: 1 Comm: init"},
		"an oops first": {"[1.0] a\n[2.0] BUG: kernel NULL pointer dereference\n[2.1] b\n[3.0] Kernel panic - not syncing: Fatal exception\n[3.1] c\n",
			"Kernel panic - not syncing: Fatal exception|BUG: kernel NULL pointer dereference|b"},
		"only an oops":    {"[1.0] a\n[2.0] Oops: 0002 [#1]\n[2.1] b\n", "Oops: 0002 [#1]|b"},
		"neither":         {"1\n2\n3\n4\n5\n6\n7\n8\n", "3|4|5|6|7|8"},
		"nothing":         {"", ""},
		"escapes, length": {"Kernel panic \x1b[2J\x00" + strings.Repeat("ä", 200), "Kernel panic  [2J " + strings.Repeat("ä", 71)},
	} {
		if got := strings.Join(Dump{Text: []byte(c.text)}.Words(), "|"); got != c.words {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzDump(f *testing.F) {
	f.Add("dmesg-efi_pstore-1", []byte("Panic#1 Part1\n<0>[1.0] Kernel panic\n"))
	f.Fuzz(func(t *testing.T, file string, text []byte) {
		for _, d := range join([]part{{file: file, reason: "Panic#1", number: 1, text: text}}) {
			if words := d.Words(); len(words) > mostLines {
				t.Errorf("%d lines", len(words))
			}
		}
	})
}
