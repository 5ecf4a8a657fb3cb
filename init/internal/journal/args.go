package journal

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// fixed begin each request of kubelet for lines, and listing is its request for names of services
// (pkg/kubelet/kubelet_server_journal_linux.go).
var (
	fixed   = []string{"--utc", "--no-pager", "--output=short-precise"}
	listing = []string{"--field", "_SYSTEMD_UNIT"}
)

// dateLayout is how kubelet writes times. Fields may have one digit.
const dateLayout = "2006-1-2 15:4:5"

const (
	// mostLines is kubelet's own limit.
	mostLines = 100_000
	mostUnits = 4
	// every asks for every boot that is kept.
	every = 1
)

// query is what kubelet asks for.
type query struct {
	units        []string
	since, until time.Time // zero without
	lines        int       // -1 without
	grep         *regexp.Regexp
	boot         int // 0 is this one, -1 the one before
}

// words are the rest of a command line.
type words []string

// value takes the next word if it is an option with a value.
func (w *words) value(option string) (string, bool) {
	if len(*w) == 0 {
		return "", false
	}
	value, found := strings.CutPrefix((*w)[0], option+"=")
	if found {
		*w = (*w)[1:]
	}
	return value, found
}

// flag takes the next word if it is this one.
func (w *words) flag(word string) bool {
	if len(*w) == 0 || (*w)[0] != word {
		return false
	}
	*w = (*w)[1:]
	return true
}

// parse reads the options in the order in which kubelet gives them, and nothing else.
func parse(args []string) (query, error) {
	q := query{lines: -1, boot: every}
	rest := words(args)
	for _, word := range fixed {
		if !rest.flag(word) {
			return q, fmt.Errorf("%s is missing", word)
		}
	}
	for _, part := range []func(*words) error{q.takeTimes, q.takeLines, q.takeUnits, q.takeGrep, q.takeBoot} {
		if err := part(&rest); err != nil {
			return q, err
		}
	}
	if len(rest) > 0 {
		return q, fmt.Errorf("%q is not known here", rest[0])
	}
	return q, nil
}

// takeTimes reads times of UTC, as journalctl does where the local time is UTC.
func (q *query) takeTimes(rest *words) (err error) {
	if text, given := rest.value("--since"); given {
		if q.since, err = time.Parse(dateLayout, text); err != nil {
			return err
		}
	}
	if text, given := rest.value("--until"); given {
		q.until, err = time.Parse(dateLayout, text)
	}
	return err
}

func (q *query) takeLines(rest *words) (err error) {
	if !rest.flag("--pager-end") {
		return nil
	}
	text, given := rest.value("--lines")
	if q.lines, err = strconv.Atoi(text); !given || err != nil || q.lines < 0 || q.lines > mostLines {
		return fmt.Errorf("--lines=%s: must be a number from 0 to %d", text, mostLines)
	}
	return nil
}

func (q *query) takeUnits(rest *words) error {
	for {
		unit, given := rest.value("--unit")
		if !given {
			return nil
		}
		if len(q.units) == mostUnits {
			return fmt.Errorf("more than %d units", mostUnits)
		}
		q.units = append(q.units, unit)
	}
}

// takeGrep matches capitals only where the pattern has some, as journalctl does.
func (q *query) takeGrep(rest *words) (err error) {
	pattern, given := rest.value("--grep")
	if !given {
		return nil
	}
	if pattern == strings.ToLower(pattern) {
		pattern = "(?i)" + pattern
	}
	q.grep, err = regexp.Compile(pattern)
	return err
}

func (q *query) takeBoot(rest *words) (err error) {
	if !rest.flag("--boot") {
		return nil
	}
	if len(*rest) == 0 {
		return errors.New("--boot needs a number")
	}
	text := (*rest)[0]
	*rest = (*rest)[1:]
	if q.boot, err = strconv.Atoi(text); err != nil || q.boot > 0 {
		return fmt.Errorf("--boot %s: must be 0 or less", text)
	}
	return nil
}
