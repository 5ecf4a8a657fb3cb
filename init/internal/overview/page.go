package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// begin marks a line of the page. Neither an event nor a line of a pod or program begins so.
const begin = "| "

// Page returns the page for a person at the console, of a few lines. status is its first line. It has no time that goes
// on, so that it differs only when the node does.
func Page(status string, f Facts) string {
	lines := []string{status, strings.Join([]string{clockText(f.Clock), dataText(f.Data), programsText(f.Told.Programs)}, "  |  ")}
	for _, one := range f.Faults {
		lines = append(lines, faultText(cmp.Or(one.Condition, "now"), one, fmt.Sprintf("since %.0f s after the start", one.Up)))
	}
	if len(f.Faults) == 0 {
		lines = append(lines, "nothing is known to be wrong")
	}
	for _, one := range f.Told.Last {
		if !slices.ContainsFunc(f.Faults, func(now Fault) bool { return now.Code == one.Code }) {
			lines = append(lines, faultText("earlier", one, fmt.Sprintf("by %s at %.0f s", one.By, one.Up)))
		}
	}
	var page strings.Builder
	for _, line := range lines {
		page.WriteString(begin + strings.Map(printable, line) + "\n")
	}
	return page.String()
}

func faultText(kind string, f Fault, when string) string {
	text := fmt.Sprintf("%s: cannot %s [%s, %s]", kind, strings.TrimRight(f.Cause, "."), f.Code, when)
	if f.Remedy != "" {
		text += " " + f.Remedy
	}
	return text
}

func clockText(c Clock) string {
	switch {
	case !c.Known:
		return "clock unknown"
	case c.Synced:
		return "clock follows " + c.Source
	case c.Sane:
		return "clock plausible, follows no source"
	}
	return "clock wrong"
}

func dataText(data string) string {
	switch data {
	case "partition":
		return "state on disk"
	case "ram":
		return "state in RAM, lost at a reboot"
	}
	return "state unknown"
}

func programsText(programs []Program) string {
	var parts []string
	for _, p := range programs {
		text := p.Name + " started " + times(p.Starts)
		if p.Ends > 0 {
			text += ", ended " + times(p.Ends) + " by itself"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// printable makes texts of others harmless for a terminal, and for programs that look for an object of JSON in a line.
func printable(r rune) rune {
	switch {
	case r == '{':
		return '('
	case r == '}':
		return ')'
	case unicode.IsPrint(r):
		return r
	}
	return unicode.ReplacementChar
}
