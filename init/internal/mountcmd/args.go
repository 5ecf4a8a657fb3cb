package mountcmd

import (
	"fmt"
	"strings"
)

// request is a parsed command line of mount(8).
type request struct {
	source, target, fsType string
	opts                   Options
}

// flagsWithValue maps the options of mount that take a value to their short form.
var flagsWithValue = map[string]string{"-t": "-t", "--types": "-t", "-o": "-o", "--options": "-o", "--source": "--source", "--target": "--target"}

// shorthand maps words of mount to the option lists that they stand for.
var shorthand = map[string]string{
	"-r": "ro", "--read-only": "ro", "-w": "rw", "--rw": "rw",
	"-B": "bind", "--bind": "bind", "-R": "rbind", "--rbind": "rbind",
	// kubelet passes it where a path must not be resolved again. This mount never resolves paths.
	"--no-canonicalize": "", "-c": "", "-n": "", "--no-mtab": "", "-i": "", "--internal-only": "", "--": "",
}

func parseMount(args []string) (request, error) {
	var r request
	var paths []string
	for i := 0; i < len(args); i++ {
		word, value, joined := args[i], "", false
		if strings.HasPrefix(word, "--") && len(word) > 2 {
			word, value, joined = strings.Cut(word, "=")
		} else if len(word) > 2 && (strings.HasPrefix(word, "-t") || strings.HasPrefix(word, "-o")) {
			word, value, joined = word[:2], word[2:], true
		}
		if flag, ok := flagsWithValue[word]; ok {
			if !joined {
				if i++; i == len(args) {
					return r, fmt.Errorf("option %s needs a value", word)
				}
				value = args[i]
			}
			if err := r.set(flag, value); err != nil {
				return r, err
			}
			continue
		}
		path, err := r.word(word)
		if err != nil {
			return r, err
		}
		if path {
			paths = append(paths, word)
		}
	}
	return r, r.setPaths(paths)
}

func (r *request) set(flag, value string) error {
	switch flag {
	case "-t":
		r.fsType = value
	case "--source":
		r.source = value
	case "--target":
		r.target = value
	case "-o":
		return r.opts.ParseOptions(value)
	}
	return nil
}

// word applies an option without a value, or reports that the word is a path.
func (r *request) word(word string) (path bool, err error) {
	if list, ok := shorthand[word]; ok {
		return false, r.opts.ParseOptions(list)
	}
	if name, ok := strings.CutPrefix(word, "--make-"); ok && propagations[name] != 0 {
		r.opts.Propagation = propagations[name]
		return false, nil
	}
	if strings.HasPrefix(word, "-") {
		return false, fmt.Errorf("option %s is not known", word)
	}
	return true, nil
}

func (r *request) setPaths(paths []string) error {
	switch {
	case len(paths) == 2 && r.source == "" && r.target == "":
		r.source, r.target = paths[0], paths[1]
	case len(paths) == 1 && r.target == "":
		r.target = paths[0]
	case len(paths) > 0:
		return fmt.Errorf("too many paths: %s", strings.Join(paths, " "))
	}
	if r.target == "" {
		return fmt.Errorf("no mount point given")
	}
	return nil
}
