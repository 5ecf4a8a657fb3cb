package staticpods

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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

// Endings are those of the manifests that people put on the medium, in lower case. Kubelet reads a file of any name,
// but on a medium editors and other systems leave theirs.
var Endings = []string{".yaml", ".yml", ".json", ".manifest"}

// manifests is what there is to offer: names in order, at most maxManifests, each with its folder.
type manifests struct {
	listed bool
	names  []string
	in     map[string]string
}

// open lists the manifests of both folders.
func (f Folder) open() (manifests, *faults) {
	own, failed := openManifests(f.From)
	if f.Over == "" {
		return own, failed
	}
	over, alsoFailed := openManifests(f.Over)
	for _, err := range alsoFailed.errs {
		failed.add(err)
	}
	for _, name := range over.names {
		if !slices.Contains(Endings, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		if own.in[name] == "" {
			own.names = append(own.names, name)
		}
		own.in[name] = f.Over
	}
	own.listed = own.listed && over.listed
	slices.Sort(own.names)
	own.limit(f.From+" and "+f.Over, failed)
	return own, failed
}

func (m *manifests) limit(where string, failed *faults) {
	if len(m.names) > maxManifests {
		failed.add(fmt.Errorf("%s holds too many manifests: only the first %d by name are offered", where, maxManifests))
		m.names = m.names[:maxManifests]
	}
}

// openManifests lists a folder. Like kubelet it ignores names with a leading dot. A missing folder has no manifests.
func openManifests(folder string) (manifests, *faults) {
	failed := &faults{}
	names, err := plainfile.Names(folder, maxNames)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		failed.add(err)
		return manifests{in: map[string]string{}}, failed
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	slices.Sort(names)
	found := manifests{true, names, map[string]string{}}
	found.limit(folder, failed)
	for _, name := range found.names {
		found.in[name] = folder
	}
	return found, failed
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
