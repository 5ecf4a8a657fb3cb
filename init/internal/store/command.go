package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"
)

// CommandName is the name by which init runs itself for work on containerd's databases. A library that reads a damaged
// file may end its process, loop or take any memory, so that process is never process 1.
const CommandName = "kios-store"

// The verbs of the command.
const (
	AdaptVerb  = "adapt"
	KeepVerb   = "keep"
	ImportVerb = "import" // with the folder of archives behind the two folders, or "" if the medium is not there
)

// Report is what the command writes to its standard output, as one line of JSON.
type Report struct {
	Lost  []string `json:"lost,omitempty"`
	Paths int      `json:"paths,omitempty"`
	Bytes int64    `json:"bytes,omitempty"`
	Imported
	Error string `json:"error,omitempty"`
	Full  bool   `json:"full,omitempty"` // the error is a lack of room
}

// Command runs `kios-store VERB FROM TO [FOLDER]` and returns its exit status.
func Command(args []string, out io.Writer) int {
	report, err := runVerb(args)
	if err != nil {
		report.Error, report.Full = err.Error(), errors.Is(err, unix.ENOSPC)
	}
	if json.NewEncoder(out).Encode(report) != nil || err != nil {
		return 1
	}
	return 0
}

func runVerb(args []string) (Report, error) {
	if len(args) == 4 && args[0] == ImportVerb {
		i, err := Import(args[1], args[2], args[3], runtime.GOARCH)
		return Report{Bytes: i.Bytes, Imported: i}, err
	}
	if len(args) != 3 {
		return Report{}, fmt.Errorf("%s takes a verb and two folders", CommandName)
	}
	switch verb, from, to := args[0], args[1], args[2]; verb {
	case AdaptVerb:
		a, err := Adapt(from, to)
		return Report{Lost: a.Lost}, err
	case KeepVerb:
		k, err := Keep(from, to)
		return Report{Paths: k.Paths, Bytes: k.Bytes}, err
	default:
		return Report{}, fmt.Errorf("%s has no verb %q", CommandName, verb)
	}
}

// ReadReport reads the output of the command. Err is the failure of its process, or nil.
func ReadReport(output []byte, failed error) (Report, error) {
	var r Report
	if err := json.Unmarshal(output, &r); err != nil {
		return r, errors.Join(errors.New("it ended without a report"), failed)
	}
	switch {
	case r.Full:
		return r, fmt.Errorf("%s (%w)", r.Error, unix.ENOSPC)
	case r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, failed
}
