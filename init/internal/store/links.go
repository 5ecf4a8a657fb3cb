package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// layersFolder holds the files of each layer.
const layersFolder = snapshotter + "/snapshots"

// place says whose an entry of containerd's folder is.
type place int

const (
	gone    place = iota // nobody's: it is missing, or a link to what the image does not have
	shipped              // the image's: a link into the root
	own                  // containerd's own, unpacked from a pulled image
)

// folders are the store of the image and containerd's folder.
type folders struct{ from, to string }

// at returns whose a blob or the folder of a layer is.
func (f folders) at(path string) place {
	info, err := os.Lstat(filepath.Join(f.to, path))
	switch {
	case err != nil:
		return gone
	case info.Mode()&os.ModeSymlink == 0:
		return own
	}
	wanted := filepath.Join(f.from, path)
	if target, err := os.Readlink(filepath.Join(f.to, path)); err != nil || target != wanted {
		return gone
	}
	if _, err := os.Lstat(wanted); err != nil {
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
		if err := os.Symlink(filepath.Join(f.from, path), filepath.Join(f.to, path)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
