// Package store gives containerd the images that ship with the node without importing or unpacking them. It copies two
// small databases; everything else is a symbolic link into the read-only root (docs/host-api.md section 5).
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
	Bytes int64
	Links int
	Fresh bool // the folder was emptied and filled
	Took  time.Duration
}

// Prepare fills `to`, containerd's folder, from the store `from`. It may be interrupted at any point: the id is written
// last.
func Prepare(from, to string) (Result, error) {
	start := time.Now()
	id, err := readID(from)
	if err != nil {
		return Result{}, err
	}
	if have, err := plainfile.Read(to, idFile, idLimit); err == nil && string(have) == id+"\n" {
		return Result{Took: time.Since(start)}, nil
	}
	r := Result{Fresh: true}
	if err := empty(to); err != nil {
		return r, err
	}
	if err := r.fill(from, to); err != nil {
		return r, err
	}
	if err := syncFS(to); err != nil {
		return r, err
	}
	err = atomicfile.Write(filepath.Join(to, idFile), []byte(id+"\n"), 0o644)
	r.Took = time.Since(start)
	return r, err
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

func (r *Result) fill(from, to string) error {
	for _, file := range []string{meta + "/meta.db", snapshotter + "/metadata.db"} {
		if err := r.copy(filepath.Join(from, file), filepath.Join(to, file)); err != nil {
			return err
		}
	}
	for _, folder := range []string{blobs, snapshotter + "/snapshots"} {
		if err := r.link(filepath.Join(from, folder), filepath.Join(to, folder)); err != nil {
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
func (r *Result) link(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
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
