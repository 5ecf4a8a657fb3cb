// Package modprobe is the one program that the kernel starts (CONFIG_STATIC_USERMODEHELPER_PATH). It loads the modules
// that the kernel asks for, if the image's table has them. For whatever else the kernel was told to start a program
// (core_pattern, release_agent, request-key), it is started too, and does nothing.
//
// It runs before anything else of init: it takes no lock, reads nothing that a pod can write, and starts nothing.
package modprobe

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/modules"
)

const (
	// Name is the name of the link to init in the folder of programs.
	Name = "modprobe"
	// Table is the path of the table of requests, which the image builder writes.
	Table = "/lib/kios/module-requests"

	exitOK      = 0
	exitRefused = 1
	exitLate    = 2
	// patience bounds the time of one start. The process that made the kernel ask waits for it.
	patience = time.Minute
)

// Called reports whether the program was executed under the name modprobe. The arguments do not tell: whoever may write
// core_pattern chooses them all, and could call init's mount, as root of the host.
func Called() bool { return filepath.Base(executed()) == Name }

// executed returns the path in the call that executed the program, or "" (AT_EXECFN, getauxval(3)).
func executed() string {
	const atExecFn = 31
	vector, err := unix.Auxv()
	if err != nil {
		return ""
	}
	for _, pair := range vector {
		if pair[0] == atExecFn {
			// The kernel put the text above the stack, where it stays.
			return unix.BytePtrToString(*(**byte)(unsafe.Pointer(&pair[1])))
		}
	}
	return ""
}

// loader is what a start reads and changes.
type loader struct {
	table  string // path
	dir    string // of the modules
	loaded string // folder with the state of the loaded modules
	insert func(file string) error
	note   func(line string)
}

// Command serves the arguments with which the kernel calls modprobe, and returns the exit code, which the kernel
// compares with 0.
func Command(args []string) int {
	time.AfterFunc(patience, func() { os.Exit(exitLate) })
	return loader{Table, modules.Dir(), "/sys/module", modules.Insert, note}.serve(args)
}

// serve answers `modprobe -q -- NAME`, as call_modprobe in kernel/module/kmod.c writes it.
func (l loader) serve(args []string) int {
	if len(args) != 4 || args[1] != "-q" || args[2] != "--" {
		return exitRefused
	}
	table, err := os.ReadFile(l.table)
	if err != nil {
		return exitRefused
	}
	files := filesFor(string(table), args[3])
	if len(files) == 0 {
		return exitRefused
	}
	return l.load(args[3], files)
}

// load inserts the files that are not loaded. A file that the root lacks is one of modules.erofs, which the machine
// does not have.
func (l loader) load(request string, files []string) int {
	fresh := []string{}
	for _, file := range files {
		name := modules.NameOf(file)
		if l.isLive(name) {
			continue
		}
		err := l.insert(path.Join(l.dir, file))
		if errors.Is(err, os.ErrNotExist) {
			return exitRefused
		}
		if err != nil {
			l.note("cannot load " + name + " for " + request + ": " + err.Error())
			return exitRefused
		}
		fresh = append(fresh, name)
	}
	if len(fresh) > 0 {
		l.note("loaded " + strings.Join(fresh, " ") + " for " + request)
	}
	return exitOK
}

// isLive reports whether a module is loaded and has started. One that another process is loading is not: to insert it
// waits for that.
func (l loader) isLive(name string) bool {
	state, err := os.ReadFile(path.Join(l.loaded, name, "initstate"))
	return err == nil && strings.TrimSpace(string(state)) == "live"
}

// note writes a line to the kernel's log: only one process writes init's.
func note(line string) {
	const info = "<6>"
	if log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		log.WriteString(info + "modprobe: " + line + "\n")
		log.Close()
	}
}
