package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// layersFolder holds the files of each layer.
const layersFolder = snapshotter + "/snapshots"

// shippedLayers is the folder among the layers at which the image's own are mounted. It is the number of a record
// without files, which the image's databases have so that containerd does not remove the folder
// (os/src/build/store/containerd.ts).
const shippedLayers = "4503599627370495"

// place says whose an entry of containerd's folder is.
type place int

const (
	gone    place = iota // nobody's: it is missing, or a link to what the image does not have
	shipped              // the image's: a link into the root
	own                  // containerd's own, unpacked from a pulled image
)

// folders are the store of the image and containerd's folder.
type folders struct{ from, to string }

// target returns what the link at a path leads to. Links of layers stay inside the folder of layers, because containerd
// maps the users of a pod's layers by one mount of that folder.
func (f folders) target(path string) string {
	if folder, name := filepath.Split(path); folder == layersFolder+"/" {
		return filepath.Join(shippedLayers, name)
	}
	return filepath.Join(f.from, path)
}

// Mount shows the image's layers where the links of Prepare lead.
func Mount(from, to string) error {
	target := filepath.Join(to, layersFolder, shippedLayers)
	if err := os.Mkdir(target, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// It has the flags of the mount that it is a part of: the root's, which is read-only.
	if err := unix.Mount(filepath.Join(from, layersFolder), target, "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}

// at returns whose a blob or the folder of a layer is.
func (f folders) at(path string) place {
	info, err := os.Lstat(filepath.Join(f.to, path))
	switch {
	case err != nil:
		return gone
	case info.Mode()&os.ModeSymlink == 0:
		return own
	}
	if target, err := os.Readlink(filepath.Join(f.to, path)); err != nil || target != f.target(path) {
		return gone
	}
	if _, err := os.Lstat(filepath.Join(f.from, path)); err != nil {
		return gone
	}
	return shipped
}

func (f folders) blob(digest string) place { return f.at(blobPath(digest)) }
func (f folders) layer(id uint64) place    { return f.at(layerPath(id)) }

func blobPath(digest string) string {
	return filepath.Join(blobs, strings.TrimPrefix(digest, "sha256:"))
}
func layerPath(id uint64) string { return filepath.Join(layersFolder, strconv.FormatUint(id, 10)) }

// relink makes the links that are wanted, by path, and removes all others. Files and folders of containerd stay.
func (f folders) relink(folder string, wanted map[string]bool) error {
	entries, err := os.ReadDir(filepath.Join(f.to, folder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if entry.Type() != os.ModeSymlink || wanted[path] && f.at(path) == shipped {
			continue
		}
		if err := beforeChange(); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(f.to, path)); err != nil {
			return err
		}
	}
	for path := range wanted {
		if err := beforeChange(); err != nil {
			return err
		}
		if err := os.Symlink(f.target(path), filepath.Join(f.to, path)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
