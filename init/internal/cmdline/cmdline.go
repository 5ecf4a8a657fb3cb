// Package cmdline parses the words of the kernel command line that are meant for init.
package cmdline

import "strings"

// Options is docs/host-api.md section 6.
type Options struct {
	DataPart   string // "" when not given
	ConsoleAll bool
	LogPort    string
	// Sysctls are the kernel settings that the command line gives, as paths below /proc/sys. The kernel has applied them.
	Sysctls []string
}

// Parse never fails: a word it does not know belongs to somebody else. The last of repeated words wins, as in the kernel.
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
		default:
			if name, ok := strings.CutPrefix(key, "sysctl."); ok {
				o.Sysctls = append(o.Sysctls, strings.ReplaceAll(name, ".", "/"))
			}
		}
	}
	return o
}

// split cuts at white space outside double quotes, which it drops: the kernel's own rule.
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
