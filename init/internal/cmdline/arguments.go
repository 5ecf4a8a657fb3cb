package cmdline

import (
	"slices"
	"strings"

	"kios.dev/init/internal/sysctl"
)

// setting begins the words that are kernel settings.
const setting = "sysctl."

// Arguments are the words of a text that a person puts on the medium, by who carries them out.
type Arguments struct {
	Init, Agents []string
	Kernel       []string // only at its start, which is over when init reads them
	Refused      []string // nobody knows them, or their value is not one
}

// sort adds a word to the list of those who carry it out; packages/host-api/vectors/arguments.json has examples.
func (a *Arguments) sort(word string) {
	name, value, _ := strings.Cut(word, "=")
	list := &a.Refused
	switch {
	case name == "datapart" && namesPartition(value),
		name == "kios.console" && (value == "all" || value == "events"),
		name == "kios.logport" && isTerminal(value),
		name == "kios.watchdog" && (value == "on" || value == "off"),
		strings.HasPrefix(name, setting) && value != "" && sysctl.WellFormed(strings.TrimPrefix(name, setting)):
		list = &a.Init
	case (name == "kios.provider" || name == "kios.config") && value != "" && !blank(word),
		name == "ds" && isNoCloud(value) && !blank(word):
		list = &a.Agents
	case name == "mitigations" && (value == "off" || value == "auto" || value == "auto,nosmt"),
		name == "init_on_free" && (value == "0" || value == "1"):
		list = &a.Kernel
	}
	*list = append(*list, word)
}

func namesPartition(value string) bool {
	for _, prefix := range []string{"PARTUUID=", "PARTLABEL=", "/dev/"} {
		if rest, ok := strings.CutPrefix(value, prefix); ok && rest != "" {
			return true
		}
	}
	return false
}

// isTerminal reports whether a device is a terminal by its name: a line of the log must not go to a disk.
func isTerminal(value string) bool {
	for _, prefix := range []string{"/dev/tty", "/dev/hvc"} {
		if rest, ok := strings.CutPrefix(value, prefix); ok {
			return !strings.ContainsFunc(rest, func(r rune) bool { return !isAlphanumeric(r) })
		}
	}
	return false
}

func isNoCloud(value string) bool {
	kind, _, _ := strings.Cut(value, ";")
	return kind == "nocloud" || kind == "nocloud-net"
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

func blank(word string) bool { return strings.ContainsAny(word, " \t\r\n") }

// ParseArguments reads such a text: words as on the kernel command line, on any number of lines. A line that begins
// with # is a comment.
func ParseArguments(text string) (a Arguments) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range split(strings.TrimRight(line, "\r\n")) {
			a.sort(word)
		}
	}
	return a
}

// Name returns a word without its value, which may be secret.
func Name(word string) string {
	name, _, _ := strings.Cut(word, "=")
	return name
}

// Names returns the names of words.
func Names(words []string) []string {
	names := make([]string, len(words))
	for i, word := range words {
		names[i] = Name(word)
	}
	return names
}

// Has reports whether a kernel command line has a word.
func Has(line, word string) bool { return slices.Contains(split(line), word) }

// Settings returns the kernel settings among the words.
func (a Arguments) Settings() []sysctl.Setting {
	var rows []sysctl.Setting
	for _, word := range a.Init {
		name, value, _ := strings.Cut(word, "=")
		if name, ok := strings.CutPrefix(name, setting); ok {
			rows = append(rows, sysctl.Setting{Name: strings.ReplaceAll(name, ".", "/"), Value: value})
		}
	}
	return rows
}

// Before returns the kernel command line with the words for init before it: those on the line itself count.
func (a Arguments) Before(line string) string {
	var b strings.Builder
	for _, word := range a.Init {
		b.WriteString(`"` + word + `" `) // a word has no quote: split has dropped them
	}
	return b.String() + line
}
