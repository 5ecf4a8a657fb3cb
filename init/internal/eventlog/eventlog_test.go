package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/testvector"
)

func TestFormatIsOneJSONObjectInOrder(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.FixedZone("x", 3600))
	got := string(Format(now, 1.5, "info", "seed.mounted", "label", "a\"b\n\x1b", "n", 3, "odd"))
	if want := `{"t":"2026-11-22T00:02:03.004Z","up":1.5,"lvl":"info","agent":"init","ev":"seed.mounted","label":"a\"b\n\u001b","n":3}` + "\n"; got != want {
		t.Error(got)
	}
}

func TestATextIsOneJSONStringWhateverIsInIt(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	got := string(formatText(now, 1.25, "warn", "kubelet", []byte("a\"\\\x1b\tö<\xff\x7f")))
	if want := `{"t":"2026-11-22T01:02:03.004Z","up":1.25,"lvl":"warn","agent":"kubelet","text":"a\"\\\u001b\tö<\ufffd\u007f"}` + "\n"; got != want {
		t.Error(got)
	}
	for i := range 256 {
		text := []byte{'x', byte(i), 'y'}
		var line struct{ Text string }
		if err := json.Unmarshal(formatText(now, 0, "info", "kernel", text), &line); err != nil || line.Text != strings.ToValidUTF8(string(text), "\ufffd") {
			t.Errorf("%q: %q %v", text, line.Text, err)
		}
	}
}

// Agents read these lines.
func TestLinesOfProgramsAreThoseOfTheVectors(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	vectors := testvector.Read[[]struct{ Agent, Text, Line string }](t, "program-lines.json")
	for _, v := range vectors {
		if got := string(formatText(now, 1.25, "info", v.Agent, []byte(v.Text))); got != v.Line+"\n" {
			t.Errorf("%q: %s", v.Text, got)
		}
	}
}

func TestLevelsAreThoseOfThePrograms(t *testing.T) {
	for text, want := range map[string]string{
		`I0722 10:00:00.000000       1 server.go:1] "x"`:                     "info",
		`W0722 10:00:00.000000       1 server.go:1] "x"`:                     "warn",
		`E0722 10:00:00.000000       1 server.go:1] "x"`:                     "error",
		`F0722 10:00:00.000000       1 server.go:1] "x"`:                     "error",
		`time="2026-07-22T10:00:00.000000000Z" level=info msg="level=error"`: "info",
		`time="2026-07-22T10:00:00.000000000Z" level=warning msg=x`:          "warn",
		`time="2026-07-22T10:00:00.000000000Z" level=error msg=x`:            "error",
		`time="2026-07-22T10:00:00.000000000Z" level=fatal msg=x`:            "error",
		`Error: no`: "info", ``: "info", `E`: "info", `panic: x`: "info",
	} {
		if got := levelOf([]byte(text)); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestFormatSpellsOutAFault(t *testing.T) {
	err := fmt.Errorf("boot: %w", fault.New("KIOS_X", "mount /a", "try b", errors.New("no")))
	var line map[string]any
	if e := json.Unmarshal(Format(time.Now(), 0, "error", "data.failed", "cause", err), &line); e != nil {
		t.Fatal(e)
	}
	if line["code"] != "KIOS_X" || line["remedy"] != "try b" || line["cause"] != "boot: mount /a: no" {
		t.Errorf("%v", line)
	}
}

func TestAFileThatAPodReplacedHoldsNobodyUp(t *testing.T) {
	for name, place := range map[string]func(path string) error{
		"a FIFO":                 func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a link to the console":  func(path string) error { return os.Symlink("/dev/full", path) },
		"a folder for the older": func(path string) error { return os.MkdirAll(path+".1/full", 0o755) },
		"nothing":                func(path string) error { return nil },
	} {
		path := filepath.Join(t.TempDir(), "x.log")
		r, err := openRotating(path, 20)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(r, "line 0...\nline 1...\n")
		os.Remove(path)
		if err := place(path); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := r.Write([]byte("line 2...\n"))
			done <- err
		}()
		select {
		case err := <-done:
			if text, _ := os.ReadFile(path); err != nil || string(text) != "line 2...\n" {
				t.Errorf("%s: %q %v", name, text, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s holds the log up", name)
		}
	}
}

// stuck is a serial port that nobody reads until free is closed.
type stuck struct {
	free chan struct{}
	got  bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) { <-s.free; return s.got.Write(p) }

func TestAStuckDeviceBlocksNobodyAndReportsTheLoss(t *testing.T) {
	device := &stuck{free: make(chan struct{})}
	s := newSink(device)
	for range sinkQueue + 100 {
		s.put([]byte("x\n"))
	}
	close(device.free)
	s.flush(5 * time.Second)
	if text := device.got.String(); !strings.Contains(text, "lines dropped") {
		t.Errorf("%.80q", text)
	}
}

func TestAStuckConsoleHoldsUpNoOther(t *testing.T) {
	device, others := &stuck{free: make(chan struct{})}, [2]bytes.Buffer{}
	defer close(device.free)
	all := NewConsoles(&others[0], device, &others[1])
	for range sinkQueue + 100 {
		all.Put([]byte("x\n"))
		all[0].flush(5 * time.Second) // this test is faster than a buffer
		all[2].flush(5 * time.Second)
	}
	begin := time.Now()
	all.Flush(100 * time.Millisecond)
	if waited := time.Since(begin); waited > 2*time.Second {
		t.Errorf("waited %v", waited)
	}
	for i := range others {
		if n := strings.Count(others[i].String(), "x\n"); n != sinkQueue+100 {
			t.Errorf("console %d shows %d lines", i, n)
		}
	}
}

func TestWithoutAnyConsoleTheLogIsKept(t *testing.T) {
	dir := t.TempDir()
	log, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Warn("data.missing")
	log.Console([]byte("x"))
	log.Flush(time.Second)
	if text, _ := os.ReadFile(dir + "/init.log"); !strings.Contains(string(text), "data.missing") {
		t.Errorf("%q", text)
	}
}

// textsOf returns the texts of the lines of a program, each of which must have the form of all lines.
func textsOf(t *testing.T, path string) (texts []string) {
	t.Helper()
	content, _ := os.ReadFile(path)
	for line := range strings.Lines(string(content)) {
		var fields struct {
			T                time.Time
			Up               float64
			Lvl, Agent, Text string
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields.T.IsZero() || fields.Up == 0 || fields.Agent == "" {
			t.Fatalf("%q: %v", line, err)
		}
		texts = append(texts, fields.Text)
	}
	return texts
}

func TestAChildsLinesReachItsFileAndThePort(t *testing.T) {
	dir := t.TempDir()
	console, port := &bytes.Buffer{}, &bytes.Buffer{}
	log, err := Open(dir, NewConsoles(console))
	if err != nil {
		t.Fatal(err)
	}
	log.Configure(false, port)
	pipe, err := log.Child("kubelet", nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("y", lineLimit+5)
	io.WriteString(pipe, "one\n"+long+"\nlast without end")
	pipe.Close()
	want := []string{"one", long[:lineLimit], "yyyyy", "last without end"}
	var texts []string
	for end := time.Now().Add(5 * time.Second); len(texts) < len(want) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		texts = textsOf(t, dir+"/kubelet.log")
	}
	if !slices.Equal(texts, want) {
		t.Errorf("file: %.60q", texts)
	}
	log.Flush(5 * time.Second)
	if !strings.HasPrefix(port.String(), "kubelet: one\nkubelet: y") || console.Len() != 0 {
		t.Errorf("port %.40q, console %q", port.String(), console.String())
	}
}
