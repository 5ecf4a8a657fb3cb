// Package hostlogs is the layout of the host's logs: the files of this boot in RAM, and a folder for each boot that the
// data partition keeps. eventlog writes them and journal reads them.
package hostlogs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

const (
	// Dir is the folder of this boot's logs.
	Dir = "/run/kios/log"
	// Boots is the folder within it in which the data partition shows the boots that it keeps.
	Boots = "boots"
	// Limit bounds a generation of a log, in bytes. There are two.
	Limit = 1 << 20
	// TimeLayout is how lines and records write the wall clock.
	TimeLayout = "2006-01-02T15:04:05.000Z"

	// Fatal is how a boot ends with which init could not go on.
	Fatal = "fatal"

	leastLimit  = 64 << 10
	recordFile  = "boot.json"
	recordLimit = 4096
	// keptBoots is how many boots before this one are kept, besides the last one that did not end in order.
	keptBoots = 3
	// mostNames bounds what is read of a folder.
	mostNames = 256
)

// Names are the logs, in the order in which equal times are shown.
var Names = []string{"kernel", "init", "containerd", "kubelet"}

// Files returns the names of a log's generations, the newer one first.
func Files(name string) [2]string { return [2]string{name + ".log", name + ".log.1"} }

// Record is the file boot.json of a kept boot.
type Record struct {
	V       int    `json:"v"`
	BootID  string `json:"bootId"`
	Version string `json:"version"`
	Kernel  string `json:"kernel"`
	// BootedAt is the time at which the boot clock was 0, as the wall clock of that boot knew it last.
	BootedAt string `json:"bootedAt,omitempty"`
	// End is "reboot", "power-off" or Fatal. A boot that ended otherwise has none.
	End string `json:"end,omitempty"`
}

// Zero returns BootedAt, or false if the record has none.
func (r Record) Zero() (time.Time, bool) {
	at, err := time.Parse(TimeLayout, r.BootedAt)
	return at, err == nil
}

// Ordered reports whether the boot ended by an orderly stop.
func (r Record) Ordered() bool { return r.End == "reboot" || r.End == "power-off" }

// Boot is a kept boot.
type Boot struct {
	Path string
	Record
	number int
}

// List returns the boots that a folder keeps, the oldest first.
func List(folder string) ([]Boot, error) {
	names, err := plainfile.Names(folder, mostNames)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var boots []Boot
	for _, name := range names {
		number, bad := strconv.Atoi(name)
		if bad != nil || number < 1 || folderName(number) != name {
			continue
		}
		boots = append(boots, Boot{filepath.Join(folder, name), readRecord(filepath.Join(folder, name)), number})
	}
	slices.SortFunc(boots, func(a, b Boot) int { return a.number - b.number })
	return boots, err
}

func folderName(number int) string { return fmt.Sprintf("%06d", number) }

// readRecord returns an empty record for a boot that lost its own.
func readRecord(dir string) (r Record) {
	if text, err := plainfile.Read(dir, recordFile, recordLimit); err == nil {
		json.Unmarshal(text, &r)
	}
	return r
}

// Begin makes the folder of a new boot and removes those that are kept no longer. A power cut at any point leaves
// folders that the next boot finds or removes.
func Begin(folder string, r Record) (dir string, err error) {
	boots, err := List(folder)
	if err != nil {
		return "", err
	}
	next := 1
	if len(boots) > 0 {
		next = boots[len(boots)-1].number + 1
	}
	for _, boot := range forget(boots) {
		remove(boot.Path)
	}
	dir = filepath.Join(folder, folderName(next))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, Write(dir, r)
}

// Write replaces the record of a boot.
func Write(dir string, r Record) error {
	return atomicfile.WriteJSON(filepath.Join(dir, recordFile), r)
}

// forget returns the boots to remove: all but the latest ones and the last that did not end in order.
func forget(boots []Boot) []Boot {
	late := max(0, len(boots)-keptBoots)
	old, kept := slices.Clone(boots[:late]), boots[late:]
	if slices.ContainsFunc(kept, Boot.crashed) {
		return old
	}
	for i := len(old) - 1; i >= 0; i-- {
		if old[i].crashed() {
			return slices.Delete(old, i, i+1)
		}
	}
	return old
}

// crashed reports whether a boot left logs and did not end in order.
func (b Boot) crashed() bool { return !b.Ordered() && plainfile.Check(b.Path, "init.log") == nil }

// remove removes a boot's files and its folder. A folder of another's making inside it stays, and the boot with it:
// emptying it could take for ever.
func remove(dir string) {
	names, _ := plainfile.Names(dir, mostNames)
	for _, name := range names {
		os.Remove(filepath.Join(dir, name))
	}
	os.Remove(dir)
}

// KeptLimit returns the bytes of a kept generation: less on a small file system, so that all boots together take at
// most a fiftieth of it.
func KeptLimit(base string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(base, &s); err != nil {
		return leastLimit
	}
	return limitOf(int64(s.Blocks) * s.Bsize)
}

func limitOf(size int64) int64 {
	generations := int64(2 * len(Names) * (keptBoots + 2)) // with this boot and the one that did not end in order
	return max(leastLimit, min(Limit, size/50/generations))
}
