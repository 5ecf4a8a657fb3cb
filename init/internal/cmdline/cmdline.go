// Package cmdline parses init's words of the kernel command line.
package cmdline

import (
	"slices"
	"strings"
)

// Options holds init's words of docs/host-api.md section 6.
type Options struct {
	DataPart   string // "" when not given
	ConsoleAll bool
	LogPort    string
	// WatchdogOff leaves the machine's watchdog alone, and restarts no program because it does not answer.
	WatchdogOff bool
	// Sysctls are the paths below /proc/sys of the settings on the command line: they are applied, and not init's own.
	Sysctls []string
}

// Parse ignores unknown words, which belong to others, so it never fails. The last of repeated words wins, as in the
// kernel.
func Parse(line string) Options {
	var o Options
	for _, word := range split(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "datapart":
			o.DataPart = value
		case "kios.console":
			o.ConsoleAll = value == "all"
		case "kios.logport":
			o.LogPort = value
		case "kios.watchdog":
			o.WatchdogOff = value == "off"
		default:
			if name, ok := strings.CutPrefix(key, setting); ok {
				o.Sysctls = append(o.Sysctls, strings.ReplaceAll(name, ".", "/"))
			}
		}
	}
	return o
}

// NamesProvider reports whether a line has a word by which the bootstrap agent knows the provider of user data without
// looking at the machine.
func NamesProvider(line string) bool {
	return slices.ContainsFunc(split(line), func(word string) bool {
		return strings.HasPrefix(word, "kios.provider=") || strings.HasPrefix(word, "ds=")
	})
}

// split cuts at white space outside double quotes and drops the quotes, as the kernel does.
func split(line string) []string {
	var words []string
	var word strings.Builder
	inWord, quoted := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, inWord = !quoted, true
		case !quoted && (r == ' ' || r == '\t' || r == '\n'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
