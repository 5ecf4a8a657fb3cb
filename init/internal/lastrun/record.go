// Package lastrun finds out after a boot why the run before it ended: from a record on the data partition, from the
// kernel's last words in pstore and from what the watchdog knows.
package lastrun

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

// State is how far a run has come.
type State string

// The states that a record can be in.
const (
	Running  State = "running"
	Starved  State = "starved"  // the watchdog is not fed, so that it resets the machine
	Stopping State = "stopping" // the ordered stop has begun
	Ended    State = "ended"    // the ordered stop is over but for its last steps
	Failed   State = "failed"   // init cannot go on and reboots
)

// Record is what the data partition knows of a run.
type Record struct {
	V       int       `json:"v"`
	BootID  string    `json:"bootId"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	State   State     `json:"state"`
	Up      float64   `json:"up"`               // seconds of CLOCK_BOOTTIME at the last change
	Action  string    `json:"action,omitempty"` // of a stop: "reboot" or "power-off"
	Code    string    `json:"code,omitempty"`   // of a fault or hang, or of a trial that init ended
	Cause   string    `json:"cause,omitempty"`
	// Generation is that of the version, where versions lie side by side on the medium.
	Generation int `json:"generation,omitempty"`
	// Starvations counts the runs in a row that ended because nothing else helped.
	Starvations int `json:"starvations,omitempty"`
}

const (
	name       = "last-run.json"
	limit      = 4 << 10
	causeLimit = 500 // bytes
	// longRun is the length of a run after which a reset counts anew.
	longRun = 24 * 60 * 60 // seconds
)

// Read returns the record of the run before. It is nil when there is none.
func Read(dir string) (*Record, error) {
	text, err := plainfile.Read(dir, name, limit)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	if r.V != 1 {
		return nil, errors.New("the record is of another version of kiOS")
	}
	return &r, nil
}

// ResetsBefore returns how many runs in a row, with this one as the last, were given up to the watchdog.
func (r *Record) ResetsBefore() int {
	switch {
	case r == nil || r.State != Starved:
		return 0
	case r.Up >= longRun:
		return 1
	}
	return r.Starvations
}

// Keeper holds the record of this run. Its methods may be called from any goroutine. A nil Keeper has no place to write
// to.
type Keeper struct {
	dir     string
	mu      sync.Mutex // never held while the disk works, which may hang
	record  Record
	writing sync.Mutex
}

// NewKeeper returns the keeper of a record below dir. It writes nothing yet.
func NewKeeper(dir string, record Record) *Keeper {
	record.V, record.State = 1, Running
	return &Keeper{dir: dir, record: record}
}

// Set changes the record, which the next Write writes.
func (k *Keeper) Set(up float64, change func(*Record)) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.record)
	k.record.Up = up
	k.record.Cause = cut(k.record.Cause, causeLimit)
}

// Write replaces the record on the disk by the newest one.
func (k *Keeper) Write() error {
	if k == nil {
		return nil
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	data, err := json.Marshal(k.record)
	k.mu.Unlock()
	if err != nil {
		return err
	}
	return atomicfile.Write(k.dir+"/"+name, append(data, '\n'), 0o600)
}
