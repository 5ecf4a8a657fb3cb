package modules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Loader loads module files of one directory, each once.
type Loader struct {
	table  Table
	dir    string
	insert func(path string) error

	mu     sync.Mutex
	loaded map[string]bool
}

// Open reads the table; a missing one means that the kernel has everything built in.
func Open(tablePath, dir string) (*Loader, error) {
	l := &Loader{dir: dir, insert: insert, loaded: map[string]bool{}}
	text, err := os.ReadFile(tablePath)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		l.table, err = Parse(string(text))
	}
	if err != nil {
		return l, fmt.Errorf("read %s: %w", tablePath, err)
	}
	return l, nil
}

// Dir is where a kernel's own modules lie in the root.
func Dir() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "/lib/modules"
	}
	return "/lib/modules/" + unix.ByteSliceToString(name.Release[:])
}

// LoadAlways loads what the root itself needs.
func (l *Loader) LoadAlways() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.load(l.table.Always)
}

// LoadFS loads the modules of a file system; one without a rule is built in or not to be had.
func (l *Loader) LoadFS(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.load(l.table.FS[name])
}

// LoadDevices loads drivers for the devices that are there, again and again until their buses bring no new ones.
func (l *Loader) LoadDevices() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.table.Alias) == 0 {
		return nil
	}
	var failed []error
	for {
		files := l.table.Wanted(modaliases(), l.loaded)
		if len(files) == 0 {
			return errors.Join(failed...)
		}
		if err := l.load(files); err != nil {
			failed = append(failed, err)
		}
	}
}

// load inserts every file it can: one driver that fails must not keep the others out.
func (l *Loader) load(files []string) error {
	var failed []error
	for _, file := range files {
		if l.loaded[file] {
			continue
		}
		l.loaded[file] = true
		if err := l.insert(filepath.Join(l.dir, file)); err != nil {
			failed = append(failed, fmt.Errorf("load %s: %w", file, err))
		}
	}
	return errors.Join(failed...)
}

func insert(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	err = unix.FinitModule(fd, "", flags)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENODEV) {
		return nil // there already, or for hardware that is not there (a processor's crypto instructions)
	}
	return err
}

// modaliases reads every device that sits on a bus; walking all of /sys/devices would cost ten times as much.
func modaliases() []string {
	files, _ := filepath.Glob("/sys/bus/*/devices/*/modalias")
	var found []string
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			found = append(found, strings.TrimSpace(string(text)))
		}
	}
	return found
}
