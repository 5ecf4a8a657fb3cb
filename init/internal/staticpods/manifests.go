package staticpods

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
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
	names, err := list(folder)
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

// list does not wait when something else than a folder is in its place.
func list(folder string) ([]string, error) {
	dir, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxNames)
	if errors.Is(err, io.EOF) {
		err = nil // an empty folder
	}
	return names, err
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
