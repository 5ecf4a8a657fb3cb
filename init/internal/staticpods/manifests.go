package staticpods

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"kios.dev/init/internal/plainfile"
)

// A pod that may write the folder can fill it with anything. Its copy lies in memory, and kubelet runs 110 pods.
const (
	maxSize      = 1 << 20 // bytes of one manifest; the API server takes no larger pod
	maxTotal     = 8 << 20 // bytes of all copies
	maxManifests = 256
	maxNames     = 4096 // entries that are listed to find the first by name
)

// manifests is what a folder may offer: names in order, at most maxManifests.
type manifests struct {
	listed bool
	names  []string
}

// openManifests lists a folder. Like kubelet it ignores names with a leading dot. A missing folder has no manifests.
func openManifests(folder string) (manifests, *faults) {
	failed := &faults{}
	names, err := plainfile.Names(folder, maxNames)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		failed.add(err)
		return manifests{}, failed
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	slices.Sort(names)
	if len(names) > maxManifests {
		failed.add(fmt.Errorf("%s holds too many manifests: only the first %d by name are offered", folder, maxManifests))
		names = names[:maxManifests]
	}
	return manifests{true, names}, failed
}

// faults collects errors. Only the first are spelled out, so that a folder full of them fits into a line of the log.
type faults struct {
	errs []error
	more int
}

const spelledOut = 5

func (f *faults) add(err error) {
	switch {
	case err == nil:
	case len(f.errs) < spelledOut:
		f.errs = append(f.errs, err)
	default:
		f.more++
	}
}

func (f *faults) join() error {
	if f.more > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("and %d more", f.more))...)
	}
	return errors.Join(f.errs...)
}
