// Package sysctl applies the host's kernel settings, which are the rows of settings.conf.
package sysctl

import (
	_ "embed"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Setting is one kernel setting: a path below /proc/sys, and its value.
type Setting struct{ Name, Value string }

//go:embed settings.conf
var text string

// settings returns the rows of settings.conf. A test rejects malformed rows, so none is left to report here.
var settings = sync.OnceValue(func() []Setting {
	rows, _ := parse(text)
	return rows
})

// afterStart names the settings that are applied once the first pods run. Blinding the constants of a container's
// seccomp filter costs 0.14 s of a processor at 1 GIPS, and the filters of the pods that ship with the image are
// trusted. No pod of the image needs a module that the kernel asks for, and programs ask for many that are not there.
var afterStart = []string{"net/core/bpf_jit_harden", "kernel/modprobe"}

// AtBoot returns the settings to apply before any pod runs.
func AtBoot() []Setting { return Except(settings(), afterStart) }

// AfterStart returns the settings to apply once the first pods run.
func AfterStart() []Setting {
	return slices.DeleteFunc(slices.Clone(settings()), func(row Setting) bool { return !slices.Contains(afterStart, row.Name) })
}

// parse reads the form that the head of settings.conf describes. It skips malformed rows and names them in the error.
func parse(text string) ([]Setting, error) {
	var rows []Setting
	var malformed []error
	for number, line := range lines(text, "#") {
		row, ok := parseRow(line)
		if !ok {
			malformed = append(malformed, fmt.Errorf("line %d: %q is not `name = value`", number, line))
			continue
		}
		rows = append(rows, row)
	}
	return rows, errors.Join(malformed...)
}

// lines returns the lines that say something, by number. A line that begins with one of the characters of comments says
// nothing.
func lines(text, comments string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			line = strings.TrimSpace(line)
			if line != "" && !strings.Contains(comments, line[:1]) && !yield(number, line) {
				return
			}
		}
	}
}

// parseRow reads a line `name = value`, whose name has dots.
func parseRow(line string) (row Setting, ok bool) {
	name, value, ok := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	return Setting{strings.ReplaceAll(name, ".", "/"), value}, ok && WellFormed(name)
}

// WellFormed reports whether name consists of words of [a-z0-9_-] that single dots separate and no `-` begins.
func WellFormed(name string) bool {
	for word := range strings.SplitSeq(name, ".") {
		if word == "" || word[0] == '-' || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return false
		}
	}
	return true
}

// Reserve returns a row that lowers vm.min_free_kbytes to the kernel's own default, or nothing when it is not above it.
// Transparent huge pages raise it to 45 MB or more on any machine (set_recommended_min_free_kbytes in mm/khugepaged.c).
// By the kernel's count nearly three times that is not available to pods: 6 % of a machine with 2 GiB.
// memory is the machine's memory in bytes.
func Reserve(root string, memory uint64) []Setting {
	const name = "vm/min_free_kbytes"
	text, err := os.ReadFile(root + "/" + name)
	if err != nil {
		return nil
	}
	reserved, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	own := uint64(math.Sqrt(float64(memory >> 10 * 16))) // calculate_min_free_kbytes in mm/page_alloc.c
	if err != nil || reserved <= own {
		return nil
	}
	return []Setting{{name, strconv.FormatUint(own, 10)}}
}

// neighbourCost is the memory for each neighbour that a pod may make the kernel look for: a thirtieth of the machine's
// for a whole table, whose entries take half a kilobyte.
const neighbourCost = 16 << 10

// Neighbours returns the rows for the largest number of neighbours. All network namespaces share the table, and a pod
// fills it by sending to each address of its network, so there is room for the 65 534 of the shipped one, twice, on a
// machine that has the memory. No control group is charged for an entry.
func Neighbours(memory uint64) []Setting {
	entries := strconv.FormatUint(min(max(memory/neighbourCost, 8192), 131_072), 10)
	return []Setting{{"net/ipv4/neigh/default/gc_thresh3", entries}, {"net/ipv6/neigh/default/gc_thresh3", entries}}
}

// Failure is a row that could not be applied.
type Failure struct {
	Name string // with dots
	Err  error
}

// Except returns the rows of table whose names are not among names.
func Except(table []Setting, names []string) []Setting {
	return slices.DeleteFunc(slices.Clone(table), func(row Setting) bool { return slices.Contains(names, row.Name) })
}

// Apply writes every row below root. It returns the rows that failed, except those that the kernel does not have.
func Apply(root string, table []Setting) []Failure {
	var failed []Failure
	for _, row := range table {
		if err := Write(root+"/"+row.Name, row.Value); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, Failure{strings.ReplaceAll(row.Name, "/", "."), err})
		}
	}
	return failed
}

// Write gives a setting a value. It makes no file where the kernel has none.
func Write(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value + "\n")
	return errors.Join(err, file.Close())
}
