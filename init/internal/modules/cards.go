package modules

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CardsTable is the file of the root with the drivers of network cards, which the image builder writes.
const CardsTable = "/lib/kios/network-table"

// Cards loads the drivers of network cards.
type Cards struct {
	*Loader
	source   string // file of the table
	settings string // folder of the module loader's settings
	words    []string
	inserted int
}

// NewCards names the table of the drivers of network cards. Settings is the folder of the module loader's settings, and
// words are those of the kernel command line.
func NewCards(table, dir, settings string, words []string) *Cards {
	c := &Cards{Loader: newLoader(dir), source: table, settings: settings, words: words}
	c.insert = c.counting(Insert)
	return c
}

// counting counts what is inserted. A file that is not there is one of modules.erofs, which the machine does not have.
func (c *Cards) counting(insert func(path string) error) func(path string) error {
	return func(path string) error {
		err := insert(path)
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err == nil {
			c.inserted++
		}
		return err
	}
}

// Load loads the drivers of the cards that are there, unless a card has one already, and returns the number of files.
// It leaves the cards to the module loader where a person has set anything about modules: only that one reads it. The
// table comes last: it is long, and most machines do not need it.
func (c *Cards) Load() (files int, err error) {
	if hasCard(c.sys) || holdsFile(c.settings) {
		return 0, nil
	}
	if err := c.read(c.source); err != nil || c.areNamed() {
		return 0, err
	}
	err = c.LoadDevices()
	return c.inserted, err
}

// hasCard reports whether a network card has a driver: only such a link belongs to a device.
func hasCard(sys string) bool {
	devices, _ := filepath.Glob(sys + "/class/net/*/device")
	return len(devices) > 0
}

// imageSettings is the file of settings that the image itself has: the build's table goes by it.
const imageSettings = "zz-image.conf"

// holdsFile reports whether there is a file of a person in a folder, or below. A folder that cannot be read may have
// one.
func holdsFile(folder string) bool {
	found := false
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if found = !entry.IsDir() && entry.Name() != imageSettings; found {
			return fs.SkipAll
		}
		return nil
	})
	return found || err != nil && !errors.Is(err, os.ErrNotExist)
}

// areNamed reports whether a word of the kernel command line is about modules in general (modprobe.blacklist=NAME), or
// is a parameter of one of the drivers (NAME.PARAMETER=VALUE): programs like modprobe read those, not the kernel.
func (c *Cards) areNamed() bool {
	drivers := map[string]bool{"modprobe": true}
	for _, rule := range c.table.Alias {
		for _, file := range rule.Files {
			drivers[NameOf(file)] = true
		}
	}
	for _, word := range c.words {
		if name, _, ok := strings.Cut(word, "."); ok && drivers[strings.ReplaceAll(name, "-", "_")] {
			return true
		}
	}
	return false
}
