package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostlogs"
)

// Format returns one log line (docs/host-api.md section 7). fields alternates names and values.
func Format(now time.Time, up float64, level, event string, fields ...any) []byte {
	b := bytes.NewBuffer(begin(now, up, level, "init"))
	put(b, "ev", event)
	for i := 0; i+1 < len(fields); i += 2 {
		name, _ := fields[i].(string)
		if err, ok := fields[i+1].(error); ok {
			putError(b, name, err)
			continue
		}
		put(b, name, fields[i+1])
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// formatText returns the line of a program or of the kernel, which has its text in the place of an event. It runs for
// each of them, so it encodes by itself.
func formatText(now time.Time, up float64, level, agent string, text []byte) []byte {
	line := append(begin(now, up, level, agent), `,"text":`...)
	return append(appendQuoted(line, text), '}', '\n')
}

// begin returns the part that all lines have.
func begin(now time.Time, up float64, level, agent string) []byte {
	line := make([]byte, 0, 256)
	line = append(line, `{"t":"`...)
	line = now.UTC().AppendFormat(line, hostlogs.TimeLayout)
	line = append(line, `","up":`...)
	line = strconv.AppendFloat(line, up, 'f', -1, 64)
	line = append(line, `,"lvl":"`...)
	line = append(line, level...)
	line = append(line, `","agent":"`...)
	line = append(line, agent...)
	return append(line, '"')
}

// appendQuoted appends text as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendQuoted(line, text []byte) []byte {
	const hex = "0123456789abcdef"
	line = append(line, '"')
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '"' || r == '\\':
			line = append(line, '\\', byte(r))
		case r == '\t':
			line = append(line, `\t`...)
		case r < ' ' || r == 0x7f:
			line = append(line, `\u00`...)
			line = append(line, hex[r>>4], hex[r&15])
		case r == utf8.RuneError && size == 1:
			line = append(line, `\ufffd`...)
		default:
			line = append(line, text[:size]...)
		}
		text = text[size:]
	}
	return append(line, '"')
}

// putError writes an error under its field's name, and the code and remedy of a fault beside it.
func putError(b *bytes.Buffer, name string, err error) {
	var f *fault.Error
	if errors.As(err, &f) {
		put(b, "code", f.Code)
		put(b, "remedy", f.Remedy)
	}
	put(b, name, err.Error())
}

func put(b *bytes.Buffer, name string, value any) {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false) // redact reads addresses, with their ampersands
	for i, part := range []any{name, value} {
		b.WriteByte([]byte{',', ':'}[i])
		end := b.Len()
		if err := encoder.Encode(part); err != nil {
			b.Truncate(end)
			b.WriteString(`"unprintable"`)
			continue
		}
		b.Truncate(b.Len() - 1) // the encoder ends a line
	}
}

// levelOf returns the level of a program's line: klog's letter, or containerd's word near the beginning.
func levelOf(text []byte) string {
	if len(text) > 5 && text[1] >= '0' && text[1] <= '9' && text[4] >= '0' && text[4] <= '9' {
		switch text[0] {
		case 'W':
			return "warn"
		case 'E', 'F':
			return "error"
		}
		return "info"
	}
	const near = 64
	_, word, found := bytes.Cut(text[:min(near, len(text))], []byte(" level="))
	switch {
	case !found:
	case bytes.HasPrefix(word, []byte("warn")):
		return "warn"
	case bytes.HasPrefix(word, []byte("err")), bytes.HasPrefix(word, []byte("fatal")), bytes.HasPrefix(word, []byte("panic")):
		return "error"
	}
	return "info"
}
