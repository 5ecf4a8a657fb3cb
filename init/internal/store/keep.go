package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
)

// copies is the folder for what is not whole yet.
const copies = "kios-copies"

// Kept says what Keep did.
type Kept struct {
	Paths int
	Bytes int64
}

// Keep makes pulled images independent of the system's image: it copies from the root the blobs and layers that they
// share with shipped images, each over its link. So they are whole when the next boot is that of another image. It may
// be interrupted at any point. containerd must have ended.
func Keep(from, to string) (Kept, error) {
	f := folders{from, to}
	aside := filepath.Join(to, copies)
	if err := os.RemoveAll(aside); err != nil { // of a stop that exceeded its deadline
		return Kept{}, err
	}
	paths, err := f.sharedPaths()
	if err != nil || len(paths) == 0 {
		return Kept{}, err
	}
	k := Kept{Paths: len(paths)}
	for _, path := range paths {
		bytes, err := sizeOf(filepath.Join(from, path))
		if err != nil {
			return Kept{}, err
		}
		k.Bytes += bytes
	}
	if err := hasRoom(to, k.Bytes); err != nil {
		return Kept{}, err
	}
	defer os.RemoveAll(aside)
	if err := os.Mkdir(aside, 0o700); err != nil {
		return Kept{}, err
	}
	for _, path := range paths {
		if err := copyTree(filepath.Join(from, path), filepath.Join(aside, filepath.Base(path))); err != nil {
			return Kept{}, err
		}
	}
	if err := syncFS(to); err != nil {
		return Kept{}, err
	}
	return k, f.exchange(aside, paths)
}

// exchange puts each copy in the place of its link. A rename cannot put a folder in the place of a link.
func (f folders) exchange(aside string, paths []string) error {
	for _, path := range paths {
		made, link := filepath.Join(aside, filepath.Base(path)), filepath.Join(f.to, path)
		if err := beforeChange(); err != nil {
			return err
		}
		if err := unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
			return fmt.Errorf("exchange %s: %w", link, err)
		}
	}
	return errors.Join(atomicfile.SyncDir(filepath.Join(f.to, blobs)), atomicfile.SyncDir(filepath.Join(f.to, layersFolder)))
}

// sharedPaths returns the blobs and layers of pulled images that are links into the root.
func (f folders) sharedPaths() ([]string, error) {
	node, err := openDatabases(f.to, true)
	if err != nil {
		return nil, err
	}
	defer node.Close()
	found := map[string]bool{}
	pulled := map[string]bool{}
	var snapshots map[string]snapshot
	err = node.meta.View(func(tx *bolt.Tx) error {
		snapshots = readSnapshots(tx)
		ways := reach{bucket(tx, blobsAt)}
		for _, record := range inner(bucket(tx, imagesAt)) {
			digest, ofImage := target(record)
			if ofImage {
				continue
			}
			content, keys := ways.from(digest)
			for key := range content {
				if f.blob(key) == shipped {
					found[blobPath(key)] = true
				}
			}
			for key := range keys {
				for ; key != "" && !pulled[key]; key = snapshots[key].parent {
					pulled[key] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = node.layers.View(func(tx *bolt.Tx) error {
		layers := readLayers(tx)
		for key := range pulled {
			if l, ok := layers[snapshots[key].name]; ok && f.layer(l.id) == shipped {
				found[layerPath(l.id)] = true
			}
		}
		return nil
	})
	paths := make([]string, 0, len(found))
	for path := range found {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, err
}

// hasRoom fails unless the copies leave at least as much free as they take. What is free is room that pods and
// containerd need at the next boot.
func hasRoom(folder string, bytes int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return err
	}
	if free := int64(fs.Bavail) * fs.Bsize; bytes > free/2 {
		return fmt.Errorf("%d bytes to copy and %d free: %w", bytes, free, unix.ENOSPC)
	}
	return nil
}
