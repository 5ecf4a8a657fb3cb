package stage2

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/gpt"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/slots"
)

// folderVolume is a partition that is a folder.
type folderVolume struct {
	top    string
	sealed error
}

func (f folderVolume) Look(read func(top string) error) error { return read(f.top) }
func (f folderVolume) Use(change func(top string) error) error {
	return errors.Join(change(f.top), f.sealed)
}
func (folderVolume) Acquire(string) error { return nil }
func (folderVolume) Release(string) error { return nil }
func (folderVolume) Forget(string) error  { return nil }

// frozenVolume is a partition that is mounted writable, and on which each write fails.
type frozenVolume struct{ folderVolume }

func (f frozenVolume) Use(change func(top string) error) error {
	return change(filepath.Join(f.top, "frozen"))
}

// versioned returns a host that was started so, with these entries on its partition and the images of generations 1 to
// 3, its record's folder, and what it has said.
func versioned(t *testing.T, loader slots.Loader, entries ...string) (h *host, dir string, said func() string) {
	h, dir, said = living(t)
	top := t.TempDir()
	files := map[string][]byte{}
	for _, name := range entries {
		e, _ := slots.ParseEntry(name)
		files[filepath.Join(slots.EntriesDir, name)] = slots.Content(e.Generation, "0.0.1")
	}
	for _, name := range []string{"0001.efi", "0002.efi", "0003.efi"} {
		files[filepath.Join(slots.ImagesDir, name)] = nil
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.release.Version = "0.2.0"
	h.versions = &versions{start: slots.Of(loader), file: filepath.Join(dir, "slots.json"), volume: folderVolume{top: top}, known: make(chan struct{})}
	return h, dir, said
}

// onBoard returns a host that a board's loader started so, with these settings and systems on its partition.
func onBoard(t *testing.T, prefix, config string, generations ...int) (h *host, top string, said func() string) {
	h, _, said = versioned(t, slots.Loader{})
	h.versions.start = slots.OfBoard("rpi4", prefix)
	top = h.versions.volume.(folderVolume).top
	files := []string{slots.Config}
	for _, generation := range generations {
		files = append(files, filepath.Join(slots.SystemDir(generation), slots.BoardKernel))
	}
	for _, name := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h, top, said
}

func settingsOf(t *testing.T, top string) string {
	content, err := os.ReadFile(filepath.Join(top, slots.Config))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestATrialOnABoardFirstNamesTheGoodSystemAndIsBlessed(t *testing.T) {
	h, top, said := onBoard(t, "system/0002/", "os_prefix=system/0002/\n#kios good=0001 trial=0002\n", 1, 2)
	d, err := h.readMedium()
	if err != nil || !d.Trial || settingsOf(t, top) != "os_prefix=system/0001/\n#kios good=0001 trial=0002\n" {
		t.Fatalf("%+v, %v, %q", d, err, settingsOf(t, top))
	}
	if text := said(); !strings.Contains(text, `"ev":"slots.entry","step":"choose","next":1,"good":1,"trial":2`) {
		t.Error(text)
	}
	h.tellDecision(d)
	if s := stateOf(t, h); !s.Managed || s.Board != "rpi4" || s.State != slots.Trial || s.TriesLeft != 0 || s.Running != 2 || !slices.Equal(s.Good, []int{1}) {
		t.Errorf("%+v", s)
	}
	if !h.bless() || settingsOf(t, top) != "os_prefix=system/0002/\n#kios good=0002 trial=0000\n" {
		t.Error(said())
	}
	if s := stateOf(t, h); s.State != slots.Good || s.Failed != nil || !slices.Equal(s.Good, []int{2}) {
		t.Errorf("%+v", s)
	}
}

func TestABoardThatCameBackTellsOfIt(t *testing.T) {
	h, top, said := onBoard(t, "system/0001/", "os_prefix=system/0001/\n#kios good=0001 trial=0002\n", 1, 2)
	before := settingsOf(t, top)
	d, err := h.readMedium()
	if err != nil || d.Trial || settingsOf(t, top) != before {
		t.Fatalf("%+v, %v", d, err)
	}
	h.tellDecision(d)
	if s := stateOf(t, h); s.State != slots.Good || s.Failed == nil || s.Failed.Generation != 2 {
		t.Errorf("%+v", s)
	}
	if text := said(); !strings.Contains(text, `"ev":"slots.fell","generation":2`) {
		t.Error(text)
	}
}

func TestABoardWhoseSettingsAPersonRewroteIsLeftAlone(t *testing.T) {
	h, top, _ := onBoard(t, "system/0001/", "os_prefix=system/0001/\n", 1)
	if _, err := h.readMedium(); err == nil || settingsOf(t, top) != "os_prefix=system/0001/\n" {
		t.Errorf("%v, %q", err, settingsOf(t, top))
	}
}

func (f folderVolume) entries(t *testing.T) (names []string) {
	list, err := os.ReadDir(filepath.Join(f.top, slots.EntriesDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

func stateOf(t *testing.T, h *host) (state slots.State) {
	text, err := os.ReadFile(h.versions.file)
	if err != nil || json.Unmarshal(text, &state) != nil {
		t.Fatalf("%s, %v", text, err)
	}
	return state
}

func startOf(image, chosen, counted string) slots.Loader {
	return slots.Loader{Info: "systemd-boot 257", BootCount: counted, Selected: chosen, Image: `\EFI\kios\` + image}
}

func TestATrialIsToldAndBlessed(t *testing.T) {
	h, dir, said := versioned(t, startOf("0002.efi", "kios-0002.conf", `\loader\entries\kios-0002+2-1.conf`), "kios-0001.conf", "kios-0002+2-1.conf")
	d, err := h.readMedium()
	if err != nil || !d.Trial {
		t.Fatalf("%+v, %v", d, err)
	}
	h.versions.hasModules.Store(true)
	h.tellDecision(d)
	if s := stateOf(t, h); !s.Modules || s.State != slots.Trial || s.TriesLeft != 2 || s.Running != 2 || !slices.Equal(s.Good, []int{1}) || s.Version != "0.2.0" {
		t.Errorf("%+v", s)
	}
	if !h.bless() {
		t.Fatal(said())
	}
	if s := stateOf(t, h); s.State != slots.Good || !slices.Equal(s.Good, []int{1, 2}) {
		t.Errorf("%+v", s)
	}
	if got := h.versions.volume.(folderVolume).entries(t); !slices.Equal(got, []string{"kios-0001.conf", "kios-0002.conf"}) {
		t.Errorf("%q", got)
	}
	if text := said(); !strings.Contains(text, `"ev":"slots.blessed","generation":2`) {
		t.Error(text)
	}
	state(t, dir, lastrun.Running)
}

func TestABlessingCountsAlsoWhereSomebodyKeepsThePartitionBusy(t *testing.T) {
	h, dir, said := versioned(t, startOf("0002.efi", "kios-0002.conf", `\loader\entries\kios-0002+2-1.conf`), "kios-0001.conf", "kios-0002+2-1.conf")
	busy := h.versions.volume.(folderVolume)
	busy.sealed = errors.New("device or resource busy")
	h.versions.volume = busy
	if d, err := h.readMedium(); err != nil || !d.Trial {
		t.Errorf("%+v, %v", d, err)
	}
	if !h.bless() || stateOf(t, h).State != slots.Good {
		t.Error(said())
	}
	if text := said(); !strings.Contains(text, "resource busy") || !strings.Contains(text, "slots.blessed") {
		t.Error(text)
	}
	state(t, dir, lastrun.Running)
}

func TestALoopOfTwoCountersIsBrokenAndCounted(t *testing.T) {
	h, _, said := versioned(t, startOf("0002.efi", "kios-0002.conf", ""), "kios-0001.conf", "kios-0002+2-1.conf", "kios-0002+3-0.conf")
	d, err := h.readMedium()
	if err != nil || !d.Trial || d.Left != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if got := h.versions.volume.(folderVolume).entries(t); !slices.Equal(got, []string{"kios-0001.conf", "kios-0002+1-2.conf"}) {
		t.Errorf("%q", got)
	}
	if text := said(); !strings.Contains(text, `"ev":"slots.entry","step":"drop","name":"kios-0002+2-1.conf","from":"kios-0002+3-0.conf"`) {
		t.Error(text)
	}
}

func TestATrialThatNobodyCanCountIsNotEndedByAReboot(t *testing.T) {
	const config = "os_prefix=system/0002/\n#kios good=0001 trial=0002\n"
	uefi := func(counted string, entries ...string) func(t *testing.T) (*host, func() string) {
		return func(t *testing.T) (*host, func() string) {
			h, _, said := versioned(t, startOf("0002.efi", "kios-0002.conf", counted), entries...)
			return h, said
		}
	}
	board := func(t *testing.T) (*host, func() string) {
		h, _, said := onBoard(t, "system/0002/", config, 1, 2)
		return h, said
	}
	const counted = `\loader\entries\kios-0002+2-1.conf`
	for _, c := range []struct {
		name    string
		host    func(t *testing.T) (*host, func() string)
		frozen  bool
		back    bool
		managed bool
		code    string
	}{
		{"the loader counts", uefi(counted, "kios-0001.conf", "kios-0002+2-1.conf"), true, true, true, ""},
		{"the loader counts, and a step fails", uefi(counted, "kios-0001.conf", "kios-0002+2-1.conf", "kios-0002+3-0.conf"), true, true, true, fault.SlotsEntries},
		{"the loader counts, and nothing is read", uefi(counted), false, true, false, fault.SlotsMedium},
		{"init counts", uefi("", "kios-0001.conf", "kios-0002+3-0.conf"), false, true, true, ""},
		{"nobody counts", uefi("", "kios-0001.conf", "kios-0002+3-0.conf"), true, false, true, fault.SlotsEntries},
		{"a board names the good one", board, false, true, true, ""},
		{"a board names the one on trial", board, true, false, true, fault.SlotsEntries},
	} {
		h, said := c.host(t)
		h.stopping.Store(true) // nobody ends the boot of this test
		if c.frozen {
			h.versions.volume = frozenVolume{h.versions.volume.(folderVolume)}
		}
		if h.versions.start.Board != "" {
			h.nameGood()
			if h.versions.start.Counted != c.back {
				t.Errorf("%s: counted %v", c.name, h.versions.start.Counted)
			}
		}
		trial, back := h.follow(h.readMedium())
		if s := stateOf(t, h); !trial || back != c.back || s.State != slots.Trial || s.Managed != c.managed {
			t.Errorf("%s: trial %v, back %v, %+v", c.name, trial, back, s)
		}
		if text := said(); strings.Contains(text, "slots.failed") != (c.code != "") || !strings.Contains(text, c.code) {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

func TestAPartitionThatTheNewerSystemKeepsClosedIsOpenAfterOneReboot(t *testing.T) {
	for _, c := range []struct {
		name           string
		closed, frozen bool
		entries        []string
		reboots        int
	}{
		{"it is open", false, false, []string{"kios-0001.conf", "kios-0002.conf"}, 0},
		{"it is closed", true, false, []string{"kios-0001.conf", "kios-0002+0-0.conf"}, 1},
		{"it is closed, and nothing can be written", true, true, []string{"kios-0001.conf", "kios-0002.conf"}, 0},
	} {
		h, _, said := versioned(t, startOf("0001.efi", "kios-0002.conf", ""), "kios-0001.conf", "kios-0002.conf")
		h.commands = make(chan hostapi.Command, 2)
		h.versions.start.Closed = c.closed
		medium := h.versions.volume.(folderVolume)
		if c.frozen {
			h.versions.volume = frozenVolume{medium}
		}
		if trial, _ := h.follow(h.readMedium()); trial || len(h.commands) != c.reboots {
			t.Errorf("%s: trial %v, %d commands", c.name, trial, len(h.commands))
		}
		if got := medium.entries(t); !slices.Equal(got, c.entries) {
			t.Errorf("%s: %q", c.name, got)
		}
		if text := said(); strings.Contains(text, `"ev":"slots.returned","generation":2,"code":"KIOS_INIT_CRYPT_SYSTEM"`) != (c.reboots > 0) {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

func TestALostEntryOfTheRunningVersionIsMadeAnew(t *testing.T) {
	h, _, said := versioned(t, startOf("0001.efi", "kios-0002.conf", ""), "kios-0002+0-3.conf")
	if _, err := h.readMedium(); err != nil {
		t.Fatal(err)
	}
	if got := h.versions.volume.(folderVolume).entries(t); !slices.Equal(got, []string{"kios-0001.conf", "kios-0002+0-3.conf"}) {
		t.Errorf("%q", got)
	}
	if text := said(); !strings.Contains(text, `"ev":"slots.entry","step":"create","name":"kios-0001.conf"`) || strings.Contains(text, "kios-0000") {
		t.Error(text)
	}
}

func TestAFailedVersionIsToldWithHowItEnded(t *testing.T) {
	h, _, said := versioned(t, startOf("0001.efi", "kios-0001.conf", ""), "kios-0001.conf", "kios-0002+0-3.conf")
	d, err := h.readMedium()
	if err != nil {
		t.Fatal(err)
	}
	h.tellDecision(d)
	h.tellLastVersion(lastrun.End{Reason: lastrun.Reboot, Fault: fault.New(fault.SlotsTrial, "x", "y", errors.New("kubelet does not serve"))}, &lastrun.Record{Generation: 2})
	want := "none of its 3 starts came to a healthy node; the last ended with KIOS_INIT_SLOTS_TRIAL: kubelet does not serve"
	for range 2 { // also when it is told once more
		if s := stateOf(t, h); s.Failed == nil || s.Failed.Generation != 2 || s.Failed.Why != want {
			t.Errorf("%+v", s.Failed)
		}
		h.tellVersions(h.versions.state)
	}
	if text := said(); !strings.Contains(text, `"ev":"slots.fell","generation":2,"code":"KIOS_INIT_SLOTS_FAILED"`) {
		t.Error(text)
	}
}

func TestTheEndOfAnotherVersionIsNotItsOwn(t *testing.T) {
	h, _, _ := versioned(t, startOf("0001.efi", "kios-0001.conf", ""), "kios-0001.conf", "kios-0002+0-3.conf")
	h.tellLastVersion(lastrun.End{Fault: fault.New(fault.LastCut, "x", "y", errors.New("z"))}, &lastrun.Record{Generation: 1})
	d, _ := h.readMedium()
	h.tellDecision(d)
	if s := stateOf(t, h); strings.Contains(s.Failed.Why, "LAST_CUT") {
		t.Errorf("%+v", s.Failed)
	}
}

func TestThePartitionIsTheOneBootedFrom(t *testing.T) {
	const guid = "0d0d0d0d-0000-4000-8000-000000000001"
	disk := func(name, guid string) blockdev.Disk {
		return blockdev.Disk{Name: name, Parts: []blockdev.Part{{Device: "/dev/" + name + "1", Partition: gpt.Partition{GUID: guid}}}}
	}
	for _, c := range []struct {
		name, known, guid string
		disks             []blockdev.Disk
		want, why         string
	}{
		{"known from the boot", "/dev/sda1", guid, nil, "/dev/sda1", ""},
		{"a disk that came late", "", guid, []blockdev.Disk{disk("sda", "x"), disk("sdb", guid)}, "/dev/sdb1", ""},
		{"no such disk", "", guid, []blockdev.Disk{disk("sda", "x")}, "", "no disk has the partition " + guid},
		{"copies of one medium", "", guid, []blockdev.Disk{disk("sda", guid), disk("sdb", guid)}, "", "/dev/sda1 and /dev/sdb1 cannot be told apart"},
		{"the loader is silent, and a partition has no GUID", "", "", []blockdev.Disk{disk("sda", "")}, "", "does not say"},
	} {
		got, err := espDevice(c.known, c.guid, func() []blockdev.Disk { return c.disks })
		if got != c.want || (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestAStartIsJudgedOnce(t *testing.T) {
	var v versions
	if !v.judge() || v.judge() {
		t.Error("a boot that came to its end is also ended for its length")
	}
}

func TestATrialThatEndsLeavesItsCause(t *testing.T) {
	for _, back := range []bool{true, false} {
		h, dir, said := versioned(t, startOf("0002.efi", "kios-0002.conf", `\loader\entries\kios-0002+2-1.conf`), "kios-0002+2-1.conf")
		h.tellGivenUp("kubelet does not serve", back)
		text := said()
		if !strings.Contains(text, `"cause":"bless generation 2 of the system: kubelet does not serve"`) || !strings.Contains(text, fault.SlotsTrial) || strings.Contains(text, "reboots") != back {
			t.Errorf("%v: %s", back, text)
		}
		if !back {
			continue
		}
		if r := state(t, dir, lastrun.Running); r.Code != fault.SlotsTrial || r.Cause != "kubelet does not serve" {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatTheAgentSaysOfTheClusterIsRead(t *testing.T) {
	for _, c := range []struct {
		text string
		want slots.Membership
		age  time.Duration
	}{
		{`{"v":1,"state":"ready","looked":90.5}`, slots.Ready, 9500 * time.Millisecond},
		{`{"v":1,"state":"joining","looked":100,"more":true}`, slots.Joining, 0},
		{`{"v":2,"state":"ready","looked":100}`, slots.Unsaid, 0},
		{`{"v":1,"sta`, slots.Unsaid, 0},
		{"", slots.Unsaid, 0},
	} {
		folder := t.TempDir()
		if c.text != "" {
			if err := os.WriteFile(filepath.Join(folder, "node.json"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, age := readMembership(folder, 100*time.Second); got != c.want || age != c.age {
			t.Errorf("%s: %s, %v", c.text, got, age)
		}
	}
}
