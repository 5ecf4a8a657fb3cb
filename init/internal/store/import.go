package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/ociarchive"
	"kios.dev/init/internal/plainfile"
)

const (
	// memoFile says what was imported from which archive. It exists as long as a name of an image may have mediumLabel.
	memoFile  = "kios-medium-images.json"
	memoLimit = 16 << 20 // bytes
	// maxArchives is how many names of the folder are looked at.
	maxArchives = 1024
)

// Imported says what Import did.
type Imported struct {
	Images       []string       `json:"images,omitempty"`       // names that are new
	Removed      []string       `json:"removed,omitempty"`      // names whose archive was taken away
	Repositories []string       `json:"repositories,omitempty"` // of all images of the medium, as pods may write them
	Faults       []ArchiveFault `json:"faults,omitempty"`
	Bytes        int64          `json:"-"` // written
}

// ArchiveFault is why an archive has no effect. What was imported from a file of that name before stays.
type ArchiveFault struct {
	File  string `json:"file"`
	Error string `json:"error"`
	Full  bool   `json:"full,omitempty"` // it is a lack of room
}

// HasImported reports whether containerd's folder may have images of the medium.
func HasImported(to string) bool {
	_, err := os.Lstat(filepath.Join(to, memoFile))
	return err == nil
}

// importing is the work of Import.
type importing struct {
	folders
	archives, architecture string
	memo, wanted           map[string][]ociarchive.Image // by the file's name
	owners                 map[string]owner              // by a name of an image
	done                   Imported
}

// owner says which archive a name of an image is from.
type owner struct{ file, digest string }

// Import gives containerd's folder the images of the archives in a folder of the medium, packed, and takes away those
// whose archive is gone. Without a folder all stays. It may be interrupted at any point and run again. containerd must
// not run.
func Import(from, to, archives, architecture string) (Imported, error) {
	i := importing{
		folders: folders{from, to}, archives: archives, architecture: architecture,
		wanted: map[string][]ociarchive.Image{}, owners: map[string]owner{},
	}
	i.memo = readMemo(to)
	if archives == "" {
		i.wanted = i.memo
		return i.finish()
	}
	if err := os.RemoveAll(filepath.Join(to, copies)); err != nil { // of a boot that ended in the middle
		return i.done, err
	}
	names, err := plainfile.Names(archives, maxArchives)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return i.done, err
	}
	slices.Sort(names)
	for _, name := range slices.DeleteFunc(names, isNoArchive) {
		i.take(name)
	}
	if err := i.record(); err != nil {
		return i.done, err
	}
	return i.finish()
}

func isNoArchive(name string) bool {
	return strings.HasPrefix(name, ".") || strings.ToLower(filepath.Ext(name)) != ociarchive.Ending
}

// take brings the blobs of an archive into the store. A fault costs this archive alone.
func (i *importing) take(name string) {
	found, err := i.read(name)
	if err == nil {
		err = i.claim(name, found)
	}
	if err == nil {
		i.wanted[name] = found
		return
	}
	i.done.Faults = append(i.done.Faults, ArchiveFault{name, err.Error(), errors.Is(err, unix.ENOSPC)})
	if before, ok := i.memo[name]; ok && i.claim(name, before) == nil {
		i.wanted[name] = before
	}
}

// read returns the images of an archive once all of their blobs are in the store.
func (i *importing) read(name string) ([]ociarchive.Image, error) {
	archive, err := ociarchive.Open(i.archives, name)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	images, err := archive.Images(i.architecture)
	if err == nil {
		err = i.fetch(archive, images)
	}
	return images, err
}

// claim takes the names of an archive's images, all or none: it fails if another archive has another image of a name.
func (i *importing) claim(file string, images []ociarchive.Image) error {
	owners := maps.Clone(i.owners)
	for _, image := range images {
		for _, name := range image.Name.In(image.Target.Digest) {
			if other, ok := owners[name]; ok && other.digest != image.Target.Digest {
				return fmt.Errorf("%s has another image named %s", other.file, name)
			}
			owners[name] = owner{file, image.Target.Digest}
		}
	}
	i.owners = owners
	return nil
}

// fetch copies the blobs that the store lacks. Each comes under its name only when all of the archive are whole.
func (i *importing) fetch(archive *ociarchive.Archive, images []ociarchive.Image) error {
	missing, bytes := i.missing(images)
	if len(missing) == 0 {
		return nil
	}
	if err := hasRoom(i.to, bytes); err != nil {
		return err
	}
	aside := filepath.Join(i.to, copies)
	defer os.RemoveAll(aside)
	if err := errors.Join(os.MkdirAll(aside, 0o700), os.MkdirAll(filepath.Join(i.to, blobs), 0o700)); err != nil {
		return err
	}
	for _, blob := range missing {
		if err := copyBlob(archive, blob, filepath.Join(aside, blob.Digest)); err != nil {
			return err
		}
	}
	for _, blob := range missing {
		if err := beforeChange(); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(aside, blob.Digest), filepath.Join(i.to, blobPath(blob.Digest))); err != nil {
			return err
		}
	}
	i.done.Bytes += bytes
	return atomicfile.SyncDir(filepath.Join(i.to, blobs))
}

// missing returns the blobs that are not in the store, once each, and the sum of their bytes. A blob with its name and
// size is whole, because containerd, too, gives it the name last.
func (i *importing) missing(images []ociarchive.Image) (missing []ociarchive.Blob, bytes int64) {
	seen := map[string]bool{}
	for _, image := range images {
		for _, blob := range image.Blobs {
			info, err := os.Stat(filepath.Join(i.to, blobPath(blob.Digest)))
			if seen[blob.Digest] || err == nil && info.Mode().IsRegular() && info.Size() == blob.Size {
				continue
			}
			seen[blob.Digest] = true
			missing = append(missing, blob)
			bytes += blob.Size
		}
	}
	return missing, bytes
}

func copyBlob(archive *ociarchive.Archive, blob ociarchive.Blob, to string) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444) // containerd's mode
	if err != nil {
		return err
	}
	err = archive.Copy(blob.Descriptor, out)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func (i *importing) finish() (Imported, error) {
	for _, images := range i.wanted {
		for _, image := range images {
			i.done.Repositories = append(i.done.Repositories, image.Name.Written()...)
		}
	}
	slices.Sort(i.done.Repositories)
	i.done.Repositories = slices.Compact(i.done.Repositories)
	return i.done, nil
}

// readMemo returns nothing if the memo is not to be read: then the archives are read again.
func readMemo(to string) map[string][]ociarchive.Image {
	memo := map[string][]ociarchive.Image{}
	if text, err := plainfile.Read(to, memoFile, memoLimit); err != nil || json.Unmarshal(text, &memo) != nil {
		return map[string][]ociarchive.Image{}
	}
	return memo
}

// writeMemo writes only what has changed, because each write waits for the disk.
func (i *importing) writeMemo() error {
	text, err := json.Marshal(i.wanted)
	if err != nil {
		return err
	}
	if now, err := plainfile.Read(i.to, memoFile, memoLimit); err == nil && bytes.Equal(now, text) {
		return nil
	}
	if err := beforeChange(); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(i.to, memoFile), text, 0o600)
}
