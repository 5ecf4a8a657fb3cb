package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	kernelName = "kernel"
	// recordLimit is the most that the kernel returns for one record (Documentation/ABI/testing/dev-kmsg).
	recordLimit = 16 << 10
)

// kernelLevels are the names of the kernel's levels (syslog(2)).
var kernelLevels = [8]string{"error", "error", "error", "error", "warn", "info", "info", "debug"}

// record is one of the kernel's log.
type record struct {
	level    int
	sequence uint64
	at       time.Duration // since the kernel started
	text     []byte
}

// parseRecord reads `LEVEL,SEQUENCE,MICROSECONDS,FLAGS[,…];TEXT` and the lines of properties that follow.
func parseRecord(data []byte) (record, bool) {
	head, body, found := bytes.Cut(data, []byte(";"))
	fields := bytes.SplitN(head, []byte(","), 4)
	if !found || len(fields) < 3 {
		return record{}, false
	}
	var numbers [3]uint64
	for i := range numbers {
		n, err := strconv.ParseUint(string(fields[i]), 10, 64)
		if err != nil {
			return record{}, false
		}
		numbers[i] = n
	}
	text, _, _ := bytes.Cut(body, []byte("\n"))
	return record{int(numbers[0] & 7), numbers[1], time.Duration(numbers[2]) * time.Microsecond, text}, true
}

// FollowKernel writes the kernel's log from its beginning, as far as it is still there, until it cannot be read. It
// does so once, however often it is called.
func (l *Log) FollowKernel(device string) error {
	if !l.kernel.CompareAndSwap(false, true) {
		return nil
	}
	source, err := os.OpenFile(device, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer source.Close()
	return l.copyKernel(source)
}

func (l *Log) copyKernel(source io.Reader) error {
	file, err := l.openFile(kernelName)
	if err != nil {
		return err
	}
	began := l.now()
	next := uint64(0)
	data := make([]byte, recordLimit)
	for {
		n, err := source.Read(data)
		if errors.Is(err, unix.EPIPE) { // records were overwritten before they were read; the numbers tell how many
			continue
		}
		if err != nil {
			return err
		}
		r, ok := parseRecord(data[:n])
		if !ok {
			continue
		}
		at := l.now()
		if lost := r.sequence - next; next > 0 && r.sequence > next {
			file.write(formatText(at.wall, at.seconds(), "warn", kernelName, fmt.Appendf(nil, "%d records were overwritten before they were read", lost)))
		}
		next = r.sequence + 1
		// What was logged before the reading began has the kernel's own time, whose clock drifts from the others later on.
		if r.at < began.up {
			at = stamp{began.zero().Add(r.at), r.at}
		}
		file.write(formatText(at.wall, at.seconds(), kernelLevels[r.level], kernelName, redact(r.text)))
	}
}
