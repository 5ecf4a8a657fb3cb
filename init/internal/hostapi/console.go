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
	consoleRate = 20   // lines a second
)

// console prints the lines of a client, each behind its sender: a line of init's own begins with a brace. It cuts long
// lines, replaces unprintable characters and drops lines beyond the rate.
func (s *Server) console(conn net.Conn) {
	from := senderOf(conn)
	prefix := "" // looked up only for a line that is printed
	lines := bufio.NewReaderSize(conn, consoleLine)
	tooLong := false // set while the rest of a cut line is dropped
	for {
		part, err := lines.ReadSlice('\n')
		line := bytes.TrimRight(part, "\r\n")
		if len(line) > 0 && !tooLong {
			if ok, lost := s.printed.allow(time.Now()); ok {
				if lost > 0 {
					s.log.Warn("console.dropped", "lines", lost)
				}
				if prefix == "" {
					prefix = from.String() + ": "
				}
				s.log.Console(append([]byte(prefix), Printable(line)...))
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
