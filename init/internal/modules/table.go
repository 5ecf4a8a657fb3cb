// Package modules loads the few kernel modules that the root, the data partition and seed volumes need before any pod
// runs, and the drivers of network cards meanwhile. The module loader loads all others.
package modules

import (
	"fmt"
	"path"
	"strings"
)

// Table holds the rules of early modules, which the image builder writes. With the zero Table everything is built in.
type Table struct {
	Always []string
	Alias  []Rule
	FS     map[string][]string
}

// Rule names the files, in load order, for devices whose modalias matches.
type Rule struct {
	Pattern string
	Files   []string
}

// Parse reads the table's text.
func Parse(text string) (Table, error) {
	t := Table{FS: map[string][]string{}}
	for number, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := t.add(words); err != nil {
			return Table{}, fmt.Errorf("line %d: %w", number+1, err)
		}
	}
	return t, nil
}

func (t *Table) add(words []string) error {
	keyed := words[0] == "alias" || words[0] == "fs"
	if len(words) < 2 || keyed && len(words) < 3 {
		return fmt.Errorf("%q names no file", words[0])
	}
	switch words[0] {
	case "always":
		t.Always = append(t.Always, words[1:]...)
	case "alias":
		if _, err := path.Match(words[1], ""); err != nil {
			return fmt.Errorf("pattern %q: %w", words[1], err)
		}
		t.Alias = append(t.Alias, Rule{words[1], words[2:]})
	case "fs":
		t.FS[words[1]] = append(t.FS[words[1]], words[2:]...)
	default:
		return fmt.Errorf("unknown rule %q", words[0])
	}
	return nil
}

// Wanted returns the untried files for these devices, in load order, each once.
func (t Table) Wanted(modaliases []string, tried func(file string) bool) []string {
	names := make([]string, len(modaliases))
	for i, name := range modaliases {
		names[i] = flat(name)
	}
	var files []string
	seen := map[string]bool{}
	for _, rule := range t.Alias {
		if !anyMatch(flat(rule.Pattern), names) {
			continue
		}
		for _, file := range rule.Files {
			if !seen[file] && !tried(file) {
				seen[file] = true
				files = append(files, file)
			}
		}
	}
	return files
}

// flat hides slashes from path.Match, so that it matches like fnmatch(3) without flags, where a slash is an ordinary
// character.
func flat(text string) string { return strings.ReplaceAll(text, "/", "\x01") }

// anyMatch compares the literal prefix first: full matching of hundreds of rules would delay the boot.
func anyMatch(pattern string, names []string) bool {
	literal := pattern
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		literal = pattern[:i]
	}
	for _, name := range names {
		if !strings.HasPrefix(name, literal) {
			continue
		}
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}
