package hostapi

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"time"
	"unicode"
)

const (
	consoleLine = 1024 // bytes
	consoleRate = 20   // lines a second for each connection
)

// console prints the lines of a client. It cuts long lines, replaces unprintable characters and drops lines beyond the
// rate.
func (s *Server) console(conn net.Conn) {
	lines := bufio.NewReaderSize(conn, consoleLine)
	var r rate
	tooLong := false // set while the rest of a cut line is dropped
	for {
		part, err := lines.ReadSlice('\n')
		line := bytes.TrimRight(part, "\r\n")
		if len(line) > 0 && !tooLong {
			if ok, lost := r.allow(time.Now()); ok {
				if lost > 0 {
					s.log.Warn("console.dropped", "lines", lost)
				}
				s.log.Console(Printable(line))
			}
		}
		tooLong = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !tooLong {
			return
		}
	}
}

// Printable makes a line harmless for a terminal: invalid UTF-8 and unprintable characters become U+FFFD.
func Printable(line []byte) []byte {
	return []byte(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, string(line)))
}

// rate counts lines in windows of one second.
type rate struct {
	window time.Time
	used   int
	lost   int
}

// allow reports whether a line may pass now, and how many were lost before it.
func (r *rate) allow(now time.Time) (ok bool, lost int) {
	if now.Sub(r.window) >= time.Second {
		r.window, r.used = now, 0
	}
	if r.used >= consoleRate {
		r.lost++
		return false, 0
	}
	r.used++
	lost, r.lost = r.lost, 0
	return true, lost
}
