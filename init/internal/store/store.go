// Package store gives containerd the images that ship with the node without importing or unpacking them. It copies or
// edits two small databases; everything else is a symbolic link to the read-only root (docs/host-api.md section 5).
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

const (
	meta        = "io.containerd.metadata.v1.bolt"
	blobs       = "io.containerd.content.v1.content/blobs/sha256"
	snapshotter = "io.containerd.snapshotter.v1.overlayfs"
	idFile      = "kios-store-id"
	idLimit     = 256
)

// Result says what Prepare did.
type Result struct {
	Bytes   int64
	Links   int
	Fresh   bool // the folder was emptied and filled
	Adapted bool // it was filled by another image and now has this one's store, with all that was pulled
	Took    time.Duration
}

// Prepare gives `to`, containerd's folder, the images of the store `from`. A folder that another image filled is handed
// to adapt, or emptied and filled if adapt is nil. It may be interrupted at any point: the id is written last.
func Prepare(from, to string, adapt func() error) (Result, error) {
	start := time.Now()
	id, err := readID(from)
	if err != nil {
		return Result{}, err
	}
	have, err := plainfile.Read(to, idFile, idLimit)
	if err == nil && string(have) == id+"\n" {
		return Result{Took: time.Since(start)}, nil
	}
	var r Result
	if r.Adapted = err == nil && adapt != nil; r.Adapted {
		// Else a boot of the image before would take what is half changed for its own.
		if err = atomicfile.Write(filepath.Join(to, idFile), []byte("changing\n"), 0o644); err == nil {
			err = adapt()
		}
	} else {
		r.Fresh = true
		err = r.refill(from, to)
	}
	if err != nil {
		return r, err
	}
	err = atomicfile.Write(filepath.Join(to, idFile), []byte(id+"\n"), 0o644)
	r.Took = time.Since(start)
	return r, err
}

// Doubt lets the next Prepare look into the databases of containerd's folder, as for another image: what can be read
// stays, and a folder with a damaged one is emptied and filled. It changes nothing else, so containerd may run.
func Doubt(to string) error {
	if _, err := plainfile.Read(to, idFile, idLimit); errors.Is(err, os.ErrNotExist) {
		return nil // the next Prepare fills it anyway
	}
	return atomicfile.Write(filepath.Join(to, idFile), []byte("doubted\n"), 0o644)
}

func readID(from string) (string, error) {
	text, err := os.ReadFile(filepath.Join(from, "store.json"))
	if err != nil {
		return "", err
	}
	var index struct {
		V  int    `json:"v"`
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("read store.json: %w", err)
	}
	if index.V != 1 || index.ID == "" {
		return "", fmt.Errorf("store.json has version %d and id %q: only version 1 with an id is supported", index.V, index.ID)
	}
	return index.ID, nil
}

// empty removes the id first, so that a half-emptied folder is never taken for a complete one.
func empty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, idFile)); err == nil {
		err = atomicfile.SyncDir(dir)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return err
}

// refill empties the folder and fills it.
func (r *Result) refill(from, to string) error {
	if err := empty(to); err != nil {
		return err
	}
	if err := r.fill(from, to); err != nil {
		return err
	}
	return syncFS(to)
}

func (r *Result) fill(from, to string) error {
	for _, file := range []string{metaFile, layersFile} {
		if err := r.copy(filepath.Join(from, file), filepath.Join(to, file)); err != nil {
			return err
		}
	}
	for _, folder := range []string{blobs, layersFolder} {
		if err := r.link(folders{from, to}, folder); err != nil {
			return err
		}
	}
	return nil
}

func (r *Result) copy(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, in)
	r.Bytes += n
	return errors.Join(err, out.Close())
}

// link makes a link for every entry of a folder. It sets the folder's mode itself, because the one in the image depends
// on the umask of its build.
func (r *Result) link(f folders, folder string) error {
	if err := os.MkdirAll(filepath.Join(f.to, folder), 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(f.from, folder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if err := os.Symlink(f.target(path), filepath.Join(f.to, path)); err != nil {
			return err
		}
		r.Links++
	}
	return nil
}

func syncFS(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.Syncfs(int(file.Fd()))
}
