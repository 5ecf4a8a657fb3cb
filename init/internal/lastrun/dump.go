package lastrun

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

// Pstore is where the kernel shows what outlived a crash.
const Pstore = "/sys/fs/pstore"

// Backend is the file in which the kernel says where it keeps what outlives a crash.
const Backend = "/sys/module/pstore/parameters/backend"

const (
	mostParts = 512
	partLimit = 512 << 10
	dumpLimit = 256 << 10
	keptDumps = 8
	// The first lines of a dump that are told.
	mostLines = 6
	lineLimit = 160
)

// Dump is the end of the kernel's log at a crash, as the kernel saved it.
type Dump struct {
	// Reason is the kernel's word: "Panic" or "Oops".
	Reason string
	Time   time.Time
	Text   []byte
	File   string // where it is kept, "" if nowhere
	known  bool   // it was kept before
	reason string // with its count: "Panic#2"
	parts  []string
	last   int // number of the last part
}

// EndedRun reports whether the run before ended with it. Each boot takes all dumps, so one that was not kept before is
// of that run; its time says nothing, for the clock may have been set back. Some firmware does not remove a dump.
func (d Dump) EndedRun() bool { return d.Reason == "Panic" && !d.known }

// WordsLost reports whether nothing of a crash outlives it: the kernel has no pstore, or no place for one.
func WordsLost(backend string) bool {
	text, err := os.ReadFile(backend)
	name := strings.TrimSpace(string(text))
	return err != nil || name == "" || name == "(null)"
}

// Mounted runs use while pstore is mounted. It does nothing where the kernel or the firmware keeps nothing.
func Mounted(use func(folder string) error) error {
	err := unix.Mount("pstore", Pstore, "pstore", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil && !errors.Is(err, unix.EBUSY) { // mounted already
		return err
	}
	return errors.Join(use(Pstore), unix.Unmount(Pstore, unix.MNT_DETACH))
}

// part is a file of pstore: a piece of a dump.
type part struct {
	file   string
	time   time.Time
	reason string // "Panic#2"
	number int
	text   []byte
}

// Take moves the dumps in the folder of pstore to the folder `to`, which keeps the newest ones, and returns them. A
// dump that a loss of power kept in pstore replaces its copy.
func Take(folder, to string) ([]Dump, error) {
	parts, err := readParts(folder)
	dumps := join(parts)
	if len(dumps) == 0 {
		return nil, err
	}
	failed := []error{err, os.MkdirAll(to, 0o700)}
	for i := range dumps {
		d := &dumps[i]
		name := d.Time.UTC().Format("20060102T150405") + "-" + strings.ToLower(strings.ReplaceAll(d.reason, "#", "-")) + ".txt"
		file := filepath.Join(to, name)
		kept, missing := plainfile.Read(to, name, dumpLimit)
		d.known = missing == nil && bytes.Equal(kept, d.Text) // without a clock two runs may crash at one time
		if err := atomicfile.Write(file, d.Text, 0o600); err != nil {
			failed = append(failed, err) // also without a copy it is removed, for it would be told after each boot
		} else {
			d.File = file
		}
		for _, name := range d.parts {
			failed = append(failed, os.Remove(filepath.Join(folder, name)))
		}
	}
	return dumps, errors.Join(append(failed, prune(to))...)
}

func readParts(folder string) ([]part, error) {
	names, err := plainfile.Names(folder, mostParts)
	failed := []error{err}
	var parts []part
	for _, name := range names {
		if !strings.HasPrefix(name, "dmesg-") {
			continue
		}
		p, err := readPart(folder, name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		parts = append(parts, p)
	}
	// Its time is when the kernel wrote it; the names count up too.
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(a.time.Compare(b.time), strings.Compare(a.file, b.file)) })
	return parts, errors.Join(failed...)
}

// readPart reads a file whose first line is as "Panic#2 Part3".
func readPart(folder, name string) (part, error) {
	text, err := plainfile.Read(folder, name, partLimit)
	if err != nil {
		return part{}, err
	}
	info, err := os.Stat(filepath.Join(folder, name))
	if err != nil {
		return part{}, err
	}
	p := part{file: name, time: info.ModTime(), reason: "Unknown", number: 1, text: text}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	reason, number, ok := strings.Cut(string(line), " Part")
	if n, err := strconv.Atoi(number); ok && err == nil && isWord(reason) {
		p.reason, p.number, p.text = reason, n, rest
	}
	return p, nil
}

// isWord reports whether a reason has the kernel's form: it becomes part of a file's name.
func isWord(reason string) bool {
	word, count, ok := strings.Cut(reason, "#")
	_, err := strconv.ParseUint(count, 10, 32)
	return ok && err == nil && word != "" && len(word) < 20 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// join puts parts together. The kernel writes the end of its log first, as part 1. Parts of two dumps of one second may
// lie between each other.
func join(parts []part) []Dump {
	var dumps []Dump
	for _, p := range parts {
		i := len(dumps) - 1
		for i >= 0 && (dumps[i].reason != p.reason || dumps[i].last >= p.number) {
			i--
		}
		if i < 0 {
			word, _, _ := strings.Cut(p.reason, "#")
			dumps, i = append(dumps, Dump{Reason: word, reason: p.reason, Time: p.time}), len(dumps)
		}
		d := &dumps[i]
		d.parts, d.last = append(d.parts, p.file), p.number
		if len(d.Text)+len(p.text) <= dumpLimit {
			d.Text = slices.Concat(p.text, d.Text)
		}
	}
	return dumps
}

// prune removes the oldest dumps: their names begin with their time.
func prune(folder string) error {
	entries, err := os.ReadDir(folder) // sorted by name
	failed := []error{err}
	for i := range max(0, len(entries)-keptDumps) {
		failed = append(failed, os.RemoveAll(filepath.Join(folder, entries[i].Name())))
	}
	return errors.Join(failed...)
}

// marks begin the lines in which the kernel says what is wrong. A panic follows from it.
var marks = []string{"BUG: ", "kernel BUG at", "Unable to handle kernel", "Internal error: ", "Oops: ", "general protection fault"}

// Words returns the lines of a dump that say what happened: the panic, and what was wrong before it or follows it.
func (d Dump) Words() []string {
	var lines []string
	for line := range strings.Lines(string(d.Text)) {
		if line = plain(line); line != "" {
			lines = append(lines, line)
		}
	}
	wrong := slices.IndexFunc(lines, func(line string) bool {
		return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(line, mark) })
	})
	panics := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "Kernel panic") })
	switch {
	case wrong >= 0 && panics > wrong:
		most := min(panics, wrong+mostLines-1)
		return slices.Concat(lines[panics:panics+1], lines[wrong:most])
	case panics >= 0:
		wrong = panics
	case wrong < 0:
		wrong = max(0, len(lines)-mostLines)
	}
	return lines[wrong:min(len(lines), wrong+mostLines)]
}

// plain returns a line of the kernel's log without its level and time, and without characters that a terminal obeys.
func plain(line string) string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "<") {
		if _, after, ok := strings.Cut(line, ">"); ok {
			line = after
		}
	}
	if strings.HasPrefix(line, "[") {
		if _, after, ok := strings.Cut(line, "]"); ok {
			line = after
		}
	}
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line)
	return cut(strings.TrimSpace(line), lineLimit)
}

// cut returns at most so many bytes of a text, and no half character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
