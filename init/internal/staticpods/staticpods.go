// Package staticpods writes the folder from which kubelet reads static pods: a copy of /etc/kubernetes/manifests. At
// boot it offers the pods that bring up the network first, so that the sandboxes of the other pods do not compete with
// theirs.
package staticpods

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kios.dev/init/internal/atomicfile"
)

// startAnnotation with the value "first" marks a pod that is offered first. It counts only in manifests in JSON, which
// the image builder writes.
const startAnnotation = "kios.dev/start"

// maxSize is the size of the largest manifest that kubelet reads, in bytes (pkg/kubelet/config, maxConfigLength).
const maxSize = 10 << 20

// Folder is kubelet's folder (To) and the one that it copies (From).
type Folder struct {
	From, To string
}

// OfferFirst makes To with the pods that ask to start first, and returns their uids.
func (f Folder) OfferFirst() ([]string, error) {
	if err := os.MkdirAll(f.To, 0o700); err != nil {
		return nil, err
	}
	manifests, failed := read(f.From)
	var uids []string
	for name, content := range manifests {
		uid, first := startsFirst(content)
		if !first {
			continue
		}
		if err := atomicfile.Write(filepath.Join(f.To, name), content, 0o600); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		uids = append(uids, uid)
	}
	return uids, failed
}

// Sync makes To equal to From. A file that cannot be read keeps its copy: a disk fault must not end a pod.
func (f Folder) Sync() error {
	wanted, failed := read(f.From)
	if wanted == nil {
		return failed
	}
	if err := os.MkdirAll(f.To, 0o700); err != nil {
		return err
	}
	// Sorted, so that equal faults give equal errors.
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		content := wanted[name]
		target := filepath.Join(f.To, name)
		if content == nil || same(target, content) {
			continue
		}
		failed = errors.Join(failed, atomicfile.Write(target, content, 0o600))
	}
	offered, err := os.ReadDir(f.To)
	failed = errors.Join(failed, err)
	for _, entry := range offered {
		if _, stays := wanted[entry.Name()]; !stays {
			failed = errors.Join(failed, os.Remove(filepath.Join(f.To, entry.Name())))
		}
	}
	return failed
}

// read returns the manifests of a folder by file name, nil for one that could not be read. Like kubelet it ignores
// names with a leading dot and everything that is not a file. A missing folder has no manifests. If the folder cannot
// be listed, the map is nil.
func read(folder string) (map[string][]byte, error) {
	entries, failed := os.ReadDir(folder)
	if failed != nil && !errors.Is(failed, fs.ErrNotExist) {
		return nil, failed
	}
	failed = nil
	manifests := make(map[string][]byte, len(entries))
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(folder, name)
		info, err := os.Stat(path) // follows links
		if err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err == nil && info.Size() > maxSize {
			err = &fs.PathError{Op: "read", Path: path, Err: errors.New("larger than 10 MiB")}
		}
		var content []byte
		if err == nil {
			content, err = os.ReadFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // a dangling link, or removed since the folder was listed
		}
		manifests[name], failed = content, errors.Join(failed, err)
	}
	return manifests, failed
}

func same(path string, content []byte) bool {
	now, err := os.ReadFile(path)
	return err == nil && bytes.Equal(now, content)
}

// startsFirst returns a manifest's uid and whether it asks to start first. Without a uid its logs could not be found.
func startsFirst(manifest []byte) (uid string, first bool) {
	var pod struct {
		Metadata struct {
			UID         string            `json:"uid"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if json.Unmarshal(manifest, &pod) != nil {
		return "", false
	}
	return pod.Metadata.UID, pod.Metadata.UID != "" && pod.Metadata.Annotations[startAnnotation] == "first"
}

// HasLogged reports whether a container of the pod has written a line. Kubelet's log files are named
// NAMESPACE_NAME_UID/CONTAINER/N.log.
func HasLogged(logs, uid string) bool {
	files, _ := filepath.Glob(filepath.Join(logs, "*_"+uid, "*", "*.log")) // fails only for a bad pattern
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}
