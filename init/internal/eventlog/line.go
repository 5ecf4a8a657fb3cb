package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"kios.dev/init/internal/fault"
)

// Format returns one log line (docs/host-api.md section 7). fields alternates names and values.
func Format(now time.Time, up float64, level, event string, fields ...any) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	put(&b, "t", now.UTC().Format("2006-01-02T15:04:05.000Z"))
	put(&b, "up", up)
	put(&b, "lvl", level)
	put(&b, "agent", "init")
	put(&b, "ev", event)
	for i := 0; i+1 < len(fields); i += 2 {
		name, _ := fields[i].(string)
		if err, ok := fields[i+1].(error); ok {
			putError(&b, name, err)
			continue
		}
		put(&b, name, fields[i+1])
	}
	b.WriteString("}\n")
	return b.Bytes()
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
	if b.Len() > 1 {
		b.WriteByte(',')
	}
	for i, part := range []any{name, value} {
		if i == 1 {
			b.WriteByte(':')
		}
		encoded, err := json.Marshal(part)
		if err != nil {
			encoded = []byte(`"unprintable"`)
		}
		b.Write(encoded)
	}
}
