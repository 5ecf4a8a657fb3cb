package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestFilesRotateAtTheirLimitAndKeepOneOlder(t *testing.T) {
	for name, write := range map[string]func(r *rotating, lines string){
		"line by line": func(r *rotating, lines string) {
			for line := range strings.Lines(lines) {
				r.Write([]byte(line))
			}
		},
		"all at once": func(r *rotating, lines string) { r.Write([]byte(lines)) },
	} {
		path := filepath.Join(t.TempDir(), "x.log")
		r, err := openRotating(path, 20)
		if err != nil {
			t.Fatal(err)
		}
		var lines strings.Builder
		for i := range 7 {
			fmt.Fprintf(&lines, "line %d...\n", i) // 10 bytes: two a file
		}
		write(r, lines.String())
		for file, want := range map[string]string{path: "line 6...\n", path + ".1": "line 4...\nline 5...\n"} {
			if text, _ := os.ReadFile(file); string(text) != want {
				t.Errorf("%s: %s: %q", name, filepath.Base(file), text)
			}
		}
	}
}

func TestALineLongerThanAFileHasOneOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	r, err := openRotating(path, 20)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("y", 50) + "\n"
	if n, err := r.Write([]byte("a\n" + long + "b\n")); n != 2+len(long)+2 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	for file, want := range map[string]string{path: "b\n", path + ".1": long} {
		if text, _ := os.ReadFile(file); string(text) != want {
			t.Errorf("%s: %q", filepath.Base(file), text)
		}
	}
}

// dead is a disk whose power fails at an operation: that one happens in part or not at all, and none after it.
type dead struct {
	left int
	half bool // a write leaves half of its bytes
}

var errDead = errors.New("no power")

func (d *dead) operate() bool { d.left--; return d.left >= 0 }

func (d *dead) disk() disk {
	return disk{
		rename: func(from, to string) error {
			if !d.operate() {
				return errDead
			}
			return os.Rename(from, to)
		},
		remove: func(path string) error {
			if !d.operate() {
				return errDead
			}
			return os.Remove(path)
		},
		open: func(path string, flags int) (output, int64, error) {
			if !d.operate() {
				return nil, 0, errDead
			}
			file, size, err := openFile(path, flags)
			return deadOutput{file, d}, size, err
		},
	}
}

type deadOutput struct {
	output
	d *dead
}

func (o deadOutput) Write(p []byte) (int, error) {
	if o.d.operate() {
		return o.output.Write(p)
	}
	if o.d.left == -1 && o.d.half {
		n, _ := o.output.Write(p[:len(p)/2])
		return n, errDead
	}
	return 0, errDead
}

func (o deadOutput) Close() error { return nil }

// generations returns the whole lines of both generations, the older first, and that none is longer than limit.
func generations(t *testing.T, path string, limit int) (lines []string) {
	t.Helper()
	for _, file := range []string{path + ".1", path} {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if len(text) > limit {
			t.Errorf("%s has %d bytes", filepath.Base(file), len(text))
		}
		for line := range bytes.Lines(text) {
			if bytes.HasSuffix(line, []byte("\n")) && len(line) > 1 {
				lines = append(lines, string(line[:len(line)-1]))
			}
		}
	}
	return lines
}

// consecutive reports whether the lines are numbers of so many digits, each one more than the one before, but for at
// most so many breaks: a torn line, and what is missing.
func consecutive(lines []string, digits, breaks int) error {
	last := -1
	for _, line := range lines {
		n, err := strconv.Atoi(line)
		whole := err == nil && len(line) == digits
		if whole && (last < 0 || n == last+1) {
			last = n
			continue
		}
		if breaks--; breaks < 0 || whole && n <= last {
			return fmt.Errorf("%q follows %d in %q", line, last, lines)
		}
		if whole {
			last = n
		}
	}
	return nil
}

func TestAPowerCutAtAnyOperationCostsNoOtherLine(t *testing.T) {
	const limit, count = 40, 30
	for _, half := range []bool{false, true} {
		for cut := 1; ; cut++ {
			path := filepath.Join(t.TempDir(), "x.log")
			d := &dead{left: cut, half: half}
			r := &rotating{path: path, limit: limit, disk: d.disk()}
			done := 0
			if r.open() == nil {
				for ; done < count; done++ {
					if _, err := fmt.Fprintf(r, "%03d\n", done); err != nil {
						break
					}
				}
			}
			lines := generations(t, path, limit)
			if err := consecutive(lines, 3, 0); err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
			if done > 0 && (len(lines) == 0 || lines[len(lines)-1] != fmt.Sprintf("%03d", done-1)) {
				t.Fatalf("cut %d: line %d was written, and there is %q", cut, done-1, lines)
			}

			// The next writer goes on behind a line that is torn.
			next, err := openRotating(path, limit)
			if err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
			for i := range count {
				fmt.Fprintf(next, "%03d\n", done+1+i)
				if err := consecutive(generations(t, path, limit), 3, 2); err != nil {
					t.Fatalf("cut %d: %v", cut, err)
				}
			}
			if done == count {
				break
			}
		}
	}
}

func TestAWriteThatFailsInPartCostsItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	d := &dead{left: 2, half: true}
	r := &rotating{path: path, limit: 100, disk: d.disk()}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	r.Write([]byte("one\n"))
	r.Write([]byte("three\n"))
	d.left = 10
	r.Write([]byte("four\n"))
	if text, _ := os.ReadFile(path); string(text) != "one\nthr\nfour\n" {
		t.Errorf("%q", text)
	}
}

// TestMain is a writer without end when a test executes it as one.
func TestMain(m *testing.M) {
	if path := os.Getenv("KIOS_TEST_WRITE"); path != "" {
		r, err := openRotating(path, 4000)
		if err != nil {
			os.Exit(1)
		}
		first, _ := strconv.Atoi(os.Getenv("KIOS_TEST_FIRST"))
		for i := first; ; i++ {
			fmt.Fprintf(r, "%07d\n", i)
		}
	}
	os.Exit(m.Run())
}

func TestAWriterThatIsKilledLeavesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	first := 1
	for round := range 10 {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		writer := exec.Command(self)
		writer.Env = []string{"KIOS_TEST_WRITE=" + path, "KIOS_TEST_FIRST=" + strconv.Itoa(first)}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); len(generations(t, path, 4000)) < 700 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(round) * time.Millisecond / 3)
		writer.Process.Kill()
		writer.Wait()
		lines := generations(t, path, 4000)
		if err := consecutive(lines, 7, 1); err != nil || len(lines) == 0 {
			t.Fatalf("round %d: %v", round, err)
		}
		last, err := strconv.Atoi(lines[len(lines)-1])
		if err != nil {
			t.Fatal(err)
		}
		first = last + 1
	}
}
