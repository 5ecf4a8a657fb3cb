package sysctl

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Applied keeps a person's settings in force. It knows the values before them, to which settings return that nobody
// gives any more: so a set that is taken back leaves nothing behind.
type Applied struct {
	root   string
	before map[string]string
}

// NewApplied returns Applied for the settings below root.
func NewApplied(root string) *Applied { return &Applied{root, map[string]string{}} }

// Set makes rows the settings in force. It returns those that are not.
func (a *Applied) Set(rows []Setting) []Failure {
	var failed []Failure
	fail := func(name string, err error) {
		if err != nil {
			failed = append(failed, Failure{strings.ReplaceAll(name, "/", "."), err})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.before)) {
		if !slices.ContainsFunc(rows, func(row Setting) bool { return row.Name == name }) {
			fail(name, Write(a.root+"/"+name, a.before[name]))
			delete(a.before, name)
		}
	}
	for _, row := range rows {
		fail(row.Name, a.set(row))
	}
	return failed
}

func (a *Applied) set(row Setting) error {
	path := a.root + "/" + row.Name
	now, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("this kernel has no such setting")
	}
	if err := Write(path, row.Value); err != nil {
		return err
	}
	// A setting that can only be written has no value to return to.
	if _, known := a.before[row.Name]; !known && err == nil {
		a.before[row.Name] = strings.TrimSpace(string(now))
	}
	return tooFewPages(path, row)
}

// tooFewPages says where the kernel made fewer huge pages than it was told to: it takes the number all the same.
func tooFewPages(path string, row Setting) error {
	if row.Name != "vm/nr_hugepages" {
		return nil
	}
	text, _ := os.ReadFile(path)
	made, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if wanted, bad := strconv.Atoi(row.Value); err == nil && bad == nil && made < wanted {
		return fmt.Errorf("the memory has room for %d pages of %d", made, wanted)
	}
	return nil
}
