package podlogs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	pod  = "kube-system_node-logs-a_0123"
	line = "2026-11-30T09:00:00.000000000Z stdout F text\n"
)

func soon() time.Time { return time.Now().Add(time.Minute) }

func place(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestALogEndsWithItsLastWholeLine(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"whole":                   {line + line, line + line},
		"empty":                   {"", ""},
		"zeros":                   {line + strings.Repeat("\x00", 3000), line},
		"part of a line":          {line + line[:20], line},
		"zeros in a line":         {line + line[:20] + "\x00\x00", line},
		"nothing but zeros":       {strings.Repeat("\x00", 9000), ""},
		"one part of a line":      {line[:20], ""},
		"more than is read once":  {line + strings.Repeat("\x00", 3*step), line},
		"zeros without end":       {line + strings.Repeat("\x00", 2*reach), line + strings.Repeat("\x00", 2*reach)},
		"a line at a step's edge": {strings.Repeat("a", step-1) + "\n" + strings.Repeat("\x00", step), strings.Repeat("a", step-1) + "\n"},
	} {
		folder := t.TempDir()
		file := place(t, folder, pod+"/run/3.log", test.text)
		files, bytes := Mend(folder, soon())
		got, err := os.ReadFile(file)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %d bytes stay, want %d (%v)", name, len(got), len(test.want), err)
		}
		cut := int64(len(test.text) - len(test.want))
		if wantFiles := min(cut, 1); bytes != cut || int64(files) != wantFiles {
			t.Errorf("%s: told %d files, %d bytes, want %d, %d", name, files, bytes, wantFiles, cut)
		}
	}
}

func TestOnlyLogsThatKubeletReadsAreMended(t *testing.T) {
	folder := t.TempDir()
	const zeros = "\x00\x00"
	for _, name := range []string{
		pod + "/run/0.log.20261130-090000", pod + "/run/0.log.20261130-090000.gz", pod + "/run/text", pod + "/0.log", "0.log",
	} {
		place(t, folder, name, zeros)
	}
	all := []string{pod + "/run/0.log", pod + "/run/12.log", pod + "/init/0.log", "default_other_1/run/0.log"}
	for _, name := range all {
		place(t, folder, name, zeros)
	}
	if files, bytes := Mend(folder, soon()); files != len(all) || bytes != int64(2*len(all)) {
		t.Errorf("%d files, %d bytes", files, bytes)
	}
}

func TestWhatAPodPutInTheWayIsLeftAlone(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	secret := place(t, outside, "0.log", "\x00")
	dir := filepath.Join(folder, pod, "run")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Symlink(secret, filepath.Join(dir, "0.log")),
		os.Symlink(outside, filepath.Join(folder, pod, "linked")),
		os.Symlink(outside, filepath.Join(folder, "linked_pod_1")),
		unix.Mkfifo(filepath.Join(dir, "1.log"), 0o600),
		unix.Mkfifo(filepath.Join(folder, pod, "fifo"), 0o600),
		os.MkdirAll(filepath.Join(dir, "2.log"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if files, bytes := Mend(folder, soon()); files != 0 || bytes != 0 {
		t.Errorf("%d files, %d bytes", files, bytes)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "\x00" {
		t.Errorf("a file outside the folder was changed: %q (%v)", text, err)
	}
}

func TestANodeWithoutLogsOfPodsHasNothingToMend(t *testing.T) {
	if files, bytes := Mend(filepath.Join(t.TempDir(), "none"), soon()); files != 0 || bytes != 0 {
		t.Errorf("%d files, %d bytes", files, bytes)
	}
}

func TestMendingEndsAtItsDeadline(t *testing.T) {
	folder := t.TempDir()
	place(t, folder, pod+"/run/0.log", "\x00")
	if files, _ := Mend(folder, time.Now()); files != 0 {
		t.Errorf("%d files were mended past the deadline", files)
	}
}
