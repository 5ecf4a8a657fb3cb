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

// Loader loads module files of one folder, each once. Its methods may run concurrently, because a driver that probes
// slowly must not delay a file system.
type Loader struct {
	table  Table
	dir    string
	sys    string // where sysfs is
	insert func(path string) error

	mu    sync.Mutex
	files map[string]*attempt
}

// attempt is the only attempt to load a file. err may be read once done is closed.
type attempt struct {
	done chan struct{}
	err  error
}

// Open reads the table. Without one the kernel has everything built in.
func Open(tablePath, dir string) (*Loader, error) {
	l := newLoader(dir)
	return l, l.read(tablePath)
}

func newLoader(dir string) *Loader {
	return &Loader{dir: dir, sys: "/sys", insert: Insert, files: map[string]*attempt{}}
}

func (l *Loader) read(tablePath string) error {
	text, err := os.ReadFile(tablePath)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		l.table, err = Parse(string(text))
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", tablePath, err)
	}
	return nil
}

// NameOf returns the kernel's name of the module in a file.
func NameOf(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// Dir returns the folder of the running kernel's modules in the root.
func Dir() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "/lib/modules"
	}
	return "/lib/modules/" + unix.ByteSliceToString(name.Release[:])
}

// LoadAlways loads the modules that the root itself needs.
func (l *Loader) LoadAlways() error { return l.load(l.table.Always) }

// LoadFS loads the modules of a file system. A file system without a rule is built in or unavailable.
func (l *Loader) LoadFS(name string) error { return l.load(l.table.FS[name]) }

// LoadDevices loads drivers for the present devices, and repeats that until no new devices appear on their buses.
func (l *Loader) LoadDevices() error {
	if len(l.table.Alias) == 0 {
		return nil
	}
	var failed []error
	for {
		files := l.table.Wanted(modaliases(l.sys), l.tried)
		if len(files) == 0 {
			return errors.Join(failed...)
		}
		failed = append(failed, l.load(files))
	}
}

func (l *Loader) tried(file string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files[file] != nil
}

// load inserts every file it can: a driver that fails must not keep the others from loading.
func (l *Loader) load(files []string) error {
	var failed []error
	for _, file := range files {
		if err := l.once(file); err != nil {
			failed = append(failed, fmt.Errorf("load %s: %w", file, err))
		}
	}
	return errors.Join(failed...)
}

// once loads a file or waits for an attempt that another goroutine has begun, because the next file may need this one.
func (l *Loader) once(file string) error {
	l.mu.Lock()
	a, begun := l.files[file]
	if !begun {
		a = &attempt{done: make(chan struct{})}
		l.files[file] = a
	}
	l.mu.Unlock()
	if begun {
		<-a.done
		return a.err
	}
	defer close(a.done)
	a.err = l.insert(filepath.Join(l.dir, file))
	return a.err
}

// Insert loads the module in a file. One that is loaded already, or whose hardware is absent, is no fault.
func Insert(path string) error {
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
		return nil // loaded already, or for hardware that is absent (a processor's crypto instructions)
	}
	return err
}

// modaliases returns the modalias of every device on a bus. Walking all of /sys/devices would take ten times as long.
// Memory cards have theirs in the file uevent only, which holds more on other buses.
func modaliases(sys string) []string {
	var found []string
	files, _ := filepath.Glob(sys + "/bus/*/devices/*/modalias")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			found = append(found, strings.TrimSpace(string(text)))
		}
	}
	files, _ = filepath.Glob(sys + "/bus/mmc/devices/*/uevent")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if alias, ok := strings.CutPrefix(line, "MODALIAS="); ok {
				found = append(found, strings.TrimSpace(alias))
			}
		}
	}
	return found
}
