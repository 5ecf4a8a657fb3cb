// Package staticpods writes the folder from which kubelet reads static pods: a copy of /etc/kubernetes/manifests and of
// the medium's manifests. At boot it offers the pods that bring up the network first, so that the sandboxes of the
// other pods do not compete with theirs.
package staticpods

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

// startAnnotation with the value "first" marks a pod that is offered first, and with "grown" one that is offered only
// in boots in which the data partition is larger than its file system. It counts only in manifests in JSON, which the
// image builder writes.
const startAnnotation = "kios.dev/start"

// Folder is kubelet's folder (To) and the one that it copies (From), in this boot.
type Folder struct {
	From, To string
	Over     string // a folder whose manifests replace those of From with the same name, or ""
	Boot     string // the boot's id
	Grown    bool   // the data partition is larger than its file system
	Fallback *Fallback
	Twins    *Twins // tells of two files with the same pod, or nil
}

// OfferFirst makes To with the pods that ask to start first, and returns their uids.
func (f Folder) OfferFirst() ([]string, error) {
	if err := os.MkdirAll(f.To, 0o700); err != nil {
		return nil, err
	}
	defer f.Fallback.boot()()
	manifests, failed := f.open()
	var uids []string
	for _, name := range manifests.names {
		content, err := f.read(manifests.in[name], name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a dangling link, or removed since the folder was listed
		}
		uid, start := starts(content)
		if err == nil && uid != "" && start == "first" {
			if err = atomicfile.Write(filepath.Join(f.To, name), content, 0o600); err == nil {
				uids = append(uids, uid)
			}
		}
		failed.add(err)
	}
	return uids, failed.join()
}

// Sync makes To equal to From. A file that cannot be read keeps its copy: a disk fault must not end a pod.
func (f Folder) Sync() error {
	defer f.Fallback.round()()
	manifests, failed := f.open()
	if !manifests.listed {
		return failed.join()
	}
	if err := os.MkdirAll(f.To, 0o700); err != nil {
		return err
	}
	stays, total, found := map[string]bool{}, int64(0), filesOfPods{}
	for _, name := range manifests.names {
		copied := filepath.Join(f.To, name)
		content, err := f.read(manifests.in[name], name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, start := starts(content); start == "grown" && !f.Grown {
			continue
		}
		size := int64(len(content))
		if err != nil {
			size = sizeOf(copied)
		}
		if total+size > maxTotal {
			failed.add(fmt.Errorf("%s/%s is left out: the manifests together are too large, more than %d bytes", manifests.in[name], name, maxTotal))
			continue
		}
		total += size
		stays[name] = true
		if err == nil {
			found.add(content, filepath.Join(manifests.in[name], name))
			err = f.offer(name, content)
		}
		failed.add(err)
	}
	failed.add(f.remove(stays))
	f.Twins.look(found)
	return failed.join()
}

func (f Folder) read(folder, name string) ([]byte, error) {
	content, err := plainfile.Read(folder, name, maxSize)
	if err != nil {
		return nil, err
	}
	return inBoot(f.Fallback.choose(name, content), f.Boot), nil
}

// remove ends the offer of every manifest that does not stay.
func (f Folder) remove(stays map[string]bool) error {
	offered, err := os.ReadDir(f.To)
	for _, entry := range offered {
		if !stays[entry.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(f.To, entry.Name())))
		}
	}
	return err
}

// offer writes the copy of a manifest unless it is there.
func (f Folder) offer(name string, content []byte) error {
	if now, err := plainfile.Read(f.To, name, maxSize); err == nil && bytes.Equal(now, content) {
		return nil
	}
	return atomicfile.Write(filepath.Join(f.To, name), content, 0o600)
}

func sizeOf(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// starts returns a manifest's uid, without which its logs could not be found, and when it asks to be offered.
func starts(manifest []byte) (uid, when string) {
	var pod struct {
		Metadata struct {
			UID         string            `json:"uid"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if json.Unmarshal(manifest, &pod) != nil {
		return "", ""
	}
	return pod.Metadata.UID, pod.Metadata.Annotations[startAnnotation]
}

// HasLogged reports whether a container of the pod has written a line. Kubelet's log files are named
// NAMESPACE_NAME_UID/CONTAINER/N.log.
func HasLogged(logs, uid string) bool {
	pods, _ := plainfile.Names(logs, maxNames)
	for _, pod := range pods {
		if !strings.HasSuffix(pod, "_"+uid) {
			continue
		}
		containers, _ := plainfile.Names(filepath.Join(logs, pod), maxNames)
		for _, container := range containers {
			files, _ := plainfile.Names(filepath.Join(logs, pod, container), maxNames)
			for _, file := range files {
				info, err := os.Lstat(filepath.Join(logs, pod, container, file))
				if err == nil && info.Size() > 0 && strings.HasSuffix(file, ".log") {
					return true
				}
			}
		}
	}
	return false
}
