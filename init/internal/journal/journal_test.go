package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/hostlogs"
)

// newNode is a node that started at noon, whose clock was right only after ten seconds, and that keeps two boots.
func newNode(t *testing.T) node {
	t.Helper()
	n := node{dir: t.TempDir(), bootID: "33-33", name: "node-1", zero: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	n.put(t, "", "kernel", line("1970-01-01T00:00:00.500Z", 0.5, "kernel", "Linux version 6"))
	n.put(t, "", "init", `{"t":"1970-01-01T00:00:02.000Z","up":2,"lvl":"info","agent":"init","ev":"init.start"}`)
	n.put(t, "", "kubelet", line("1970-01-01T00:00:03.000Z", 3, "kubelet", "I0101 early"), line("2026-07-01T12:00:20.250Z", 20.25, "kubelet", "E0701 Failed"))
	n.put(t, "", "containerd", line("2026-07-01T12:00:20.500Z", 20.5, "containerd", "level=info last"))
	n.boot(t, "000001", hostlogs.Record{BootID: "11-11", BootedAt: "2026-06-30T00:00:00.000Z"}, line("1970-01-01T00:00:01.000Z", 1, "kubelet", "crashing"))
	n.boot(t, "000002", hostlogs.Record{BootID: "22-22", End: "reboot"}, line("2026-07-01T10:00:01.000Z", 1, "kubelet", "before"))
	n.boot(t, "000003", hostlogs.Record{BootID: "33-33"}, line("2026-07-01T12:00:01.000Z", 1, "kubelet", "a second copy"))
	return n
}

func line(t string, up float64, agent, text string) string {
	quoted, _ := json.Marshal(text)
	return fmt.Sprintf(`{"t":%q,"up":%g,"lvl":"info","agent":%q,"text":%s}`, t, up, agent, quoted)
}

func (n node) put(t *testing.T, below, unit string, lines ...string) {
	t.Helper()
	dir := filepath.Join(n.dir, below)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, unit+".log"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (n node) boot(t *testing.T, name string, r hostlogs.Record, lines ...string) {
	t.Helper()
	n.put(t, "boots/"+name, "kubelet", lines...)
	if err := hostlogs.Write(filepath.Join(n.dir, "boots", name), r); err != nil {
		t.Fatal(err)
	}
}

// ask runs the command, which must succeed.
func (n node) ask(t *testing.T, args ...string) []string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := n.command(args, &out, &errOut); code != exitOK || errOut.Len() > 0 {
		t.Fatalf("%q: code %d: %s", args, code, errOut.String())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// lines asks for lines as kubelet does.
func (n node) lines(t *testing.T, args ...string) []string {
	t.Helper()
	return n.ask(t, append(slices.Clone(fixed), args...)...)
}

const (
	kernelLine     = "Jul 01 12:00:00.500000 node-1 kernel: Linux version 6"
	initLine       = `Jul 01 12:00:02.000000 node-1 init: {"t":"1970-01-01T00:00:02.000Z","up":2,"lvl":"info","agent":"init","ev":"init.start"}`
	earlyLine      = "Jul 01 12:00:03.000000 node-1 kubelet: I0101 early"
	failedLine     = "Jul 01 12:00:20.250000 node-1 kubelet: E0701 Failed"
	containerdLine = "Jul 01 12:00:20.500000 node-1 containerd: level=info last"
	crashingLine   = "Jun 30 00:00:01.000000 node-1 kubelet: crashing"
	beforeLine     = "Jul 01 10:00:01.000000 node-1 kubelet: before"
)

func TestTheNamesOfServicesAreThoseOfTheLogs(t *testing.T) {
	if got := newNode(t).ask(t, listing...); !slices.Equal(got, []string{"kernel.service", "init.service", "containerd.service", "kubelet.service"}) {
		t.Errorf("%q", got)
	}
}

func TestEntriesOfAllUnitsAreInOrderWithTheTimesThatTheClockKnowsNow(t *testing.T) {
	want := []string{kernelLine, initLine, earlyLine, failedLine, containerdLine}
	if got := newNode(t).lines(t, "--boot", "0"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestEachOptionOfKubeletCounts(t *testing.T) {
	n := newNode(t)
	here := []string{"--boot", "0"}
	for name, c := range map[string]struct{ args, want []string }{
		"a unit":                {append([]string{"--unit=kubelet"}, here...), []string{earlyLine, failedLine}},
		"units":                 {append([]string{"--unit=kernel", "--unit=containerd"}, here...), []string{kernelLine, containerdLine}},
		"a part of a name":      {append([]string{"--unit=let"}, here...), []string{"-- No entries --"}},
		"since":                 {append([]string{"--since=2026-7-1 12:0:20"}, here...), []string{failedLine, containerdLine}},
		"until":                 {append([]string{"--until=2026-7-1 12:0:2"}, here...), []string{kernelLine, initLine}},
		"since and until":       {append([]string{"--since=2026-7-1 12:0:1", "--until=2026-7-1 12:0:3"}, here...), []string{initLine, earlyLine}},
		"the last":              {append([]string{"--pager-end", "--lines=2"}, here...), []string{failedLine, containerdLine}},
		"the last of a unit":    {append([]string{"--pager-end", "--lines=1", "--unit=kubelet"}, here...), []string{failedLine}},
		"more than there are":   {append([]string{"--pager-end", "--lines=100000", "--unit=init"}, here...), []string{initLine}},
		"none":                  {append([]string{"--pager-end", "--lines=0"}, here...), []string{"-- No entries --"}},
		"a pattern":             {append([]string{"--grep=fail(ed|s)"}, here...), []string{failedLine}},
		"a pattern of capitals": {append([]string{"--grep=FAIL"}, here...), []string{"-- No entries --"}},
		"a part of an event":    {append([]string{`--grep="ev":"init\.`}, here...), []string{initLine}},
		"the boot before":       {[]string{"--boot", "-1"}, []string{beforeLine}},
		"the one before it":     {[]string{"--boot", "-2"}, []string{crashingLine}},
		"every boot": {[]string{"--unit=kubelet"}, []string{
			crashingLine, "-- Boot 1111 did not end in order --", "-- Boot 2222 --", beforeLine, "-- Boot 3333 --", earlyLine, failedLine,
		}},
		"the last of every boot": {[]string{"--pager-end", "--lines=3", "--unit=kubelet"}, []string{beforeLine, "-- Boot 3333 --", earlyLine, failedLine}},
		"everything": {[]string{
			"--since=2026-6-1 1:2:3", "--until=2026-8-1 1:2:3", "--pager-end", "--lines=5", "--unit=kubelet", "--unit=x", "--grep=a", "--boot", "0",
		}, []string{earlyLine, failedLine}},
	} {
		if got := n.lines(t, c.args...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhatKubeletDoesNotSayIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--help"}, {"-u", "kubelet"}, {"--field"}, {"--field", "_PID"}, {"--field", "_SYSTEMD_UNIT", "x"},
		{"--utc"}, {"--utc", "--no-pager"}, {"--no-pager", "--utc", "--output=short-precise"}, {"--utc", "--no-pager", "--output=json"},
		with("--follow"), with("--since=yesterday"), with("--since=2026-07-01T00:00:00Z"), with("--until=2026-7-1 0:0:0", "--since=2026-7-1 0:0:0"),
		with("--lines=5"), with("--pager-end"), with("--pager-end", "--lines=-1"), with("--pager-end", "--lines=100001"), with("--pager-end", "--lines=a"),
		with("--unit"), with("--unit", "kubelet"), with("--unit=a", "--unit=b", "--unit=c", "--unit=d", "--unit=e"),
		with("--grep=("), with("--grep=a", "--grep=b"), with("--boot"), with("--boot", "1"), with("--boot", "x"), with("--boot=0"), with("--boot", "0", "--boot", "0"),
		with("--boot", "-3"), with("--vacuum-size=1"), with("/var/log"), with(""),
	} {
		var out, errOut bytes.Buffer
		if code := newNode(t).command(args, &out, &errOut); code != exitUsage || out.Len() > 0 || !strings.HasPrefix(errOut.String(), "journalctl: ") {
			t.Errorf("%q: code %d, %q, %q", args, code, out.String(), errOut.String())
		}
	}
}

func with(args ...string) []string { return append(slices.Clone(fixed), args...) }

func TestBothGenerationsAreRead(t *testing.T) {
	n := newNode(t)
	n.put(t, "", "kubelet", line("2026-07-01T12:00:02.000Z", 2, "kubelet", "newer"))
	older := line("2026-07-01T12:00:01.000Z", 1, "kubelet", "older") + "\n"
	if err := os.WriteFile(n.dir+"/kubelet.log.1", []byte(older), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []string{"Jul 01 12:00:01.000000 node-1 kubelet: older", "Jul 01 12:00:02.000000 node-1 kubelet: newer"}
	if got := n.lines(t, "--unit=kubelet", "--boot", "0"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	// Between a rotation's two steps there is only the older one.
	os.Remove(n.dir + "/kubelet.log")
	if got := n.lines(t, "--unit=kubelet", "--boot", "0"); !slices.Equal(got, want[:1]) {
		t.Errorf("%q", got)
	}
}

func TestALineThatIsTornOrForeignIsShownAsItIs(t *testing.T) {
	n := newNode(t)
	n.put(t, "", "kubelet",
		line("2026-07-01T12:00:05.000Z", 5, "kubelet", "whole"), `{"t":"2026-07-01T12:00:06.000Z","up":6,"lv`, "\x1b[2Jno JSON", "",
		line("2026-07-01T12:00:07.000Z", 7, "kubelet", "\x1b]0;x\a"), strings.Repeat("y", longestLine+3),
	)
	got := n.lines(t, "--unit=kubelet", "--boot", "0")
	want := []string{
		"Jul 01 12:00:05.000000 node-1 kubelet: whole",
		`Jul 01 12:00:05.000000 node-1 kubelet: {"t":"2026-07-01T12:00:06.000Z","up":6,"lv`,
		"Jul 01 12:00:05.000000 node-1 kubelet: �[2Jno JSON",
		"Jul 01 12:00:07.000000 node-1 kubelet: �]0;x�",
		"Jul 01 12:00:07.000000 node-1 kubelet: " + strings.Repeat("y", longestLine),
		"Jul 01 12:00:07.000000 node-1 kubelet: yyy",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%.200q", got)
	}
}

func TestWhatAPodPutInThePlaceOfALogHoldsNobodyUp(t *testing.T) {
	n := newNode(t)
	os.Remove(n.dir + "/kubelet.log")
	if err := unix.Mkfifo(n.dir+"/kubelet.log", 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan string, 1)
	go func() {
		var out, errOut bytes.Buffer
		n.command(with("--unit=kubelet", "--boot", "0"), &out, &errOut)
		done <- errOut.String()
	}()
	select {
	case text := <-done:
		if !strings.Contains(text, "not a regular file") {
			t.Error(text)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits")
	}
}

// A disk that fails must not hide what is in RAM.
func TestABootThatCannotBeReadHidesNoOther(t *testing.T) {
	args := []string{"--unit=kubelet"}
	later := []string{"-- Boot 3333 --", earlyLine, failedLine}
	n := newNode(t)
	log := filepath.Join(n.dir, "boots/000001/kubelet.log")
	if err := errors.Join(os.Remove(log), unix.Mkfifo(log, 0o644)); err != nil {
		t.Fatal(err)
	}
	got := n.lines(t, args...)
	if !strings.HasPrefix(got[0], "-- Logs of earlier boots cannot be read: ") || !slices.Equal(got[1:], append([]string{beforeLine}, later...)) {
		t.Errorf("%q", got)
	}
	if got := n.lines(t, append(args, "--boot", "0")...); !slices.Equal(got, later[1:]) {
		t.Errorf("%q", got)
	}
	boots := filepath.Join(n.dir, "boots")
	if err := errors.Join(os.RemoveAll(boots), os.WriteFile(boots, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	got = n.lines(t, args...)
	if !strings.HasPrefix(got[0], "-- Logs of earlier boots cannot be read: ") || !slices.Equal(got[1:], later[1:]) {
		t.Errorf("%q", got)
	}
	var out, errOut bytes.Buffer
	if code := n.command(append(slices.Clone(fixed), "--boot", "-1"), &out, &errOut); code != exitUsage {
		t.Errorf("%d %s", code, out.String())
	}
}

func TestANodeWithoutADataPartitionHasThisBoot(t *testing.T) {
	n := newNode(t)
	os.RemoveAll(n.dir + "/boots")
	if got := n.lines(t, "--unit=init"); !slices.Equal(got, []string{initLine}) {
		t.Errorf("%q", got)
	}
	var out, errOut bytes.Buffer
	if code := n.command(with("--boot", "-1"), &out, &errOut); code != exitUsage || !regexp.MustCompile("no boot -1; the oldest is 0").MatchString(errOut.String()) {
		t.Errorf("%d %s", code, errOut.String())
	}
}

func TestTheRealNodeIsAsked(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := Command(listing, &out, &errOut); code != exitOK || !strings.Contains(out.String(), "kubelet.service\n") {
		t.Errorf("%d %s%s", code, out.String(), errOut.String())
	}
}
