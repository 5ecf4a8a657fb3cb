package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"kios.dev/init/internal/hostlogs"
	"kios.dev/init/internal/plainfile"
)

// longestLine is more than init writes in one.
const longestLine = 256 << 10

// entry is one line of a log.
type entry struct {
	unit string
	up   float64   // seconds of the boot clock
	wall time.Time // as the clock knew it then
	text string
}

// fields are those of a line that every log has. The text of an event is its whole line.
type fields struct {
	T    time.Time `json:"t"`
	Up   float64   `json:"up"`
	Text *string   `json:"text"`
}

// parseEntry reads a line. One that is torn has the time of the line before.
func parseEntry(unit string, line []byte, before entry) entry {
	found := entry{unit, before.up, before.wall, string(line)}
	var f fields
	if json.Unmarshal(line, &f) != nil {
		return found
	}
	found.up, found.wall = f.Up, f.T
	if f.Text != nil {
		found.text = *f.Text
	}
	return found
}

// source is what one log has of one boot: both generations as they were when the reading began, so that reading twice
// shows the same.
type source struct {
	unit  string
	files []*os.File // the older generation first
	sizes []int64
}

// openSource opens a log in the folder of a boot. A generation that is missing has no lines.
func openSource(dir, unit string) (*source, error) {
	s := &source{unit: unit}
	for _, name := range hostlogs.Files(unit) {
		file, err := plainfile.Open(dir, name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			s.close()
			return nil, err
		}
		info, err := file.Stat()
		if err != nil || s.has(info) {
			file.Close() // the newer one became the older one in between
			continue
		}
		s.files, s.sizes = append([]*os.File{file}, s.files...), append([]int64{info.Size()}, s.sizes...)
	}
	return s, nil
}

func (s *source) has(info os.FileInfo) bool {
	for _, file := range s.files {
		if other, err := file.Stat(); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

func (s *source) close() {
	for _, file := range s.files {
		file.Close()
	}
}

// reader reads a source from its beginning.
func (s *source) reader() *entries {
	parts := make([]io.Reader, len(s.files))
	for i, file := range s.files {
		parts[i] = io.NewSectionReader(file, 0, s.sizes[i])
	}
	e := &entries{unit: s.unit, lines: bufio.NewReaderSize(io.MultiReader(parts...), longestLine)}
	e.advance()
	return e
}

// entries are the lines of a source, one at a time.
type entries struct {
	unit  string
	lines *bufio.Reader
	next  entry
	done  bool
}

// advance reads the next line. The rest of one that is too long follows as one of its own.
func (e *entries) advance() {
	for {
		line, err := e.lines.ReadSlice('\n')
		if len(line) > 0 && line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		if len(line) > 0 {
			e.next = parseEntry(e.unit, line, e.next)
			return
		}
		if err != nil {
			e.done = true
			return
		}
	}
}

// merge calls each for all entries in the order of the boot clock, which no change of the wall clock disturbs.
func merge(sources []*source, each func(entry)) {
	var open []*entries
	for _, s := range sources {
		open = append(open, s.reader())
	}
	for {
		var first *entries
		for _, e := range open {
			if !e.done && (first == nil || e.next.up < first.next.up) {
				first = e
			}
		}
		if first == nil {
			return
		}
		each(first.next)
		first.advance()
	}
}
