package esp

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/slots"
)

// entryLimit is the most that an entry holds, in bytes.
const entryLimit = 4 << 10

// Read lists what lies on the partition below top.
func Read(top string) (slots.Medium, error) {
	var m slots.Medium
	entries, err := plainfile.Names(filepath.Join(top, slots.EntriesDir), mostFiles)
	if err != nil {
		return m, err
	}
	for _, name := range entries {
		if e, ok := slots.ParseEntry(name); ok {
			m.Entries = append(m.Entries, e)
		}
	}
	images, err := plainfile.Names(filepath.Join(top, slots.ImagesDir), mostFiles)
	for _, name := range images {
		if generation, ok := slots.ParseImage(name); ok {
			m.Images = append(m.Images, generation)
		}
	}
	return m, err
}

// Take makes one step on the partition below top. version is that of an entry that is to be made.
func Take(top string, step slots.Step, version string) error {
	if step.Kind == slots.Choose {
		if err := choose(top, step.Choice); err != nil {
			return fmt.Errorf("write %s into %s: %w", step.Choice, slots.Config, err)
		}
		return nil
	}
	f := folder(filepath.Join(top, slots.EntriesDir))
	var err error
	switch step.Kind {
	case slots.Rename:
		err = f.rename(f.nameOf(step.From), step.To.Name())
	case slots.Drop:
		err = f.drop(f.nameOf(step.From), f.nameOf(step.To), step.To.Generation)
	case slots.Create:
		err = f.create(step.To, version)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", step.Kind, step.To.Name(), err)
	}
	return nil
}

// folder is the folder of entries.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// nameOf returns the name that an entry has in the folder: a person may write its counter as `+3`, which systemd-boot
// takes too.
func (f folder) nameOf(e slots.Entry) string {
	names, _ := plainfile.Names(string(f), mostFiles)
	for _, name := range names {
		if found, ok := slots.ParseEntry(name); ok && found == e {
			return name
		}
	}
	return e.Name()
}

// rename is one write of one sector: the renamed file is synced, not the folder, which would leave an empty file on the
// medium until later.
func (f folder) rename(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, f.path(from), unix.AT_FDCWD, f.path(to), unix.RENAME_NOREPLACE); err != nil {
		return err
	}
	return f.sync(to)
}

// create makes an entry that appears by one write, after all that it holds.
func (f folder) create(e slots.Entry, version string) error {
	if err := f.writeTemporary(slots.Content(e.Generation, version)); err != nil {
		return err
	}
	return f.rename(slots.Temporary, e.Name())
}

// drop removes one of two names of a generation. If both have the same cluster, its removal would free what the other
// one holds, so that one gets a cluster of its own first.
func (f folder) drop(other, keep string, generation int) error {
	if other == keep { // two ways to write one counter: the loader's next count tells them apart
		return nil
	}
	content := f.contentOf(generation, keep, other)
	present, err := plainfile.Read(string(f), keep, entryLimit)
	if err != nil || !bytes.Equal(present, content) || f.shares(keep, other) {
		if err := f.writeTemporary(content); err != nil {
			return err
		}
		if err := unix.Renameat2(unix.AT_FDCWD, f.path(slots.Temporary), unix.AT_FDCWD, f.path(keep), unix.RENAME_EXCHANGE); err != nil {
			return err
		}
		if err := errors.Join(syncFolder(string(f)), f.sync(keep)); err != nil {
			return err
		}
	}
	err = os.Remove(f.path(other))
	// A cut may have left the temporary one, which has a cluster of the two.
	if gone := os.Remove(f.path(slots.Temporary)); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return errors.Join(err, syncFolder(string(f)))
}

// contentOf returns what the entry of a generation is to hold, with the version that one of its names holds.
func (f folder) contentOf(generation int, names ...string) []byte {
	for _, name := range names {
		content, err := plainfile.Read(string(f), name, entryLimit)
		if version := slots.VersionIn(content); err == nil && version != "" {
			return slots.Content(generation, version)
		}
	}
	return slots.Content(generation, "")
}

// shares reports whether two files begin with the same cluster, or may.
func (f folder) shares(a, b string) bool {
	first, err := f.firstBlock(a)
	second, alsoErr := f.firstBlock(b)
	return err != nil || alsoErr != nil || first == second && first != 0
}

func (f folder) firstBlock(name string) (int32, error) {
	const fibmap = 1 // FIBMAP of linux/fs.h
	file, err := plainfile.Open(string(f), name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var block int32
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), fibmap, uintptr(unsafe.Pointer(&block))); errno != 0 {
		return 0, errno
	}
	return block, nil
}

// writeTemporary writes an entry under a name that the loader does not take.
func (f folder) writeTemporary(content []byte) error {
	file, err := os.OpenFile(f.path(slots.Temporary), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return syncFolder(string(f))
}

func (f folder) sync(name string) error {
	file, err := os.Open(f.path(name))
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
