// Package etclayer keeps the writable layer of /etc from standing in for what the image ships. It runs before the layer
// is mounted, and treats it as hostile: it follows no link, opens nothing but folders and removes no tree.
package etclayer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// Upper is the layer's folder, and Ignored the one for what is taken out of it. There a file is named by its path
	// below /etc, with an exclamation mark for each slash.
	Upper, Ignored = "etc", "etc.ignored"

	// overridable is the folder whose files a person may replace or remove.
	overridable = "kubernetes/manifests"

	// removal is the kind of overlayfs' whiteout, which hides a file of the image.
	removal = "a removal"
)

// Entry is something in the layer in the place of something that the image ships.
type Entry struct {
	Path string // below /etc
	Kind string // what it is, for people
	// Lost is true if it could only be removed, because the disk was full.
	Lost bool
}

// Result lists what the layer held in the image's places.
type Result struct {
	Ignored    []Entry // taken out of the layer
	Overridden []Entry // left there, because people may change them
}

// Clean takes out of the layer at base/etc (upperdir of overlayfs) what stands in for a file of the image's /etc, which
// is at image. It can be interrupted anywhere: each step is one rename or one removed attribute.
func Clean(image, base string) (Result, error) {
	c := cleaner{image: image, ignored: -1}
	defer c.close()
	var err error
	if c.base, err = openFolder(unix.AT_FDCWD, base); err != nil {
		return c.result, &os.PathError{Op: "open", Path: base, Err: err}
	}
	upper, err := openFolder(c.base, Upper)
	if err != nil {
		return c.result, &os.PathError{Op: "open", Path: base + "/" + Upper, Err: err}
	}
	defer unix.Close(upper)
	return c.result, c.folder("", upper)
}

type cleaner struct {
	image   string
	base    int
	ignored int // the folder Ignored, -1 before it is needed
	result  Result
}

func (c *cleaner) close() {
	unix.Close(c.base)
	if c.ignored >= 0 {
		unix.Close(c.ignored)
	}
}

// folder compares a folder of the layer with the same one of the image.
func (c *cleaner) folder(at string, upper int) error {
	shipped, err := os.ReadDir(c.image + "/" + at)
	if err != nil || len(shipped) == 0 {
		return err
	}
	hidden, err := c.showImage(at, upper)
	if err != nil {
		return err
	}
	for _, entry := range shipped {
		below := strings.TrimPrefix(at+"/"+entry.Name(), "/")
		if err := c.entry(below, upper, entry, hidden); err != nil {
			return &os.PathError{Op: "take", Path: below, Err: err}
		}
	}
	return nil
}

// showImage removes the marks with which overlayfs shows no folder of the image, or another one, below this one. It
// reports whether the image's files stay hidden, as people may want for overridable ones.
func (c *cleaner) showImage(at string, upper int) (hidden bool, err error) {
	for _, mark := range []struct{ name, kind string }{
		{"trusted.overlay.opaque", "a folder that hides the image's"}, {"trusted.overlay.redirect", "a folder that shows another one of the image"},
	} {
		_, err := unix.Fgetxattr(upper, mark.name, nil)
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
			continue
		}
		if err != nil {
			return false, &os.PathError{Op: mark.name, Path: at, Err: err}
		}
		if at == overridable && mark.name == "trusted.overlay.opaque" {
			hidden = true
			continue
		}
		if err := unix.Fremovexattr(upper, mark.name); err != nil {
			return false, &os.PathError{Op: mark.name, Path: at, Err: err}
		}
		c.result.Ignored = append(c.result.Ignored, Entry{Path: at, Kind: mark.kind})
	}
	return hidden, nil
}

func (c *cleaner) entry(at string, upper int, shipped os.DirEntry, hidden bool) error {
	name := shipped.Name()
	var stat unix.Stat_t
	err := unix.Fstatat(upper, name, &stat, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		if hidden {
			c.result.Overridden = append(c.result.Overridden, Entry{Path: at, Kind: removal})
		}
		return nil
	}
	if err != nil {
		return err
	}
	if shipped.IsDir() && isFolder(stat) {
		below, err := openFolder(upper, name)
		if err != nil {
			return err
		}
		defer unix.Close(below)
		return c.folder(at, below)
	}
	entry := Entry{Path: at, Kind: kindOf(stat)}
	if strings.HasPrefix(at, overridable+"/") {
		c.result.Overridden = append(c.result.Overridden, entry)
		return nil
	}
	err = c.moveAside(at, upper, name)
	if errors.Is(err, unix.ENOSPC) && !isFolder(stat) {
		// A full disk must not keep an override alive.
		entry.Lost, err = true, unix.Unlinkat(upper, name, 0)
	}
	if err != nil {
		return err
	}
	c.result.Ignored = append(c.result.Ignored, entry)
	return nil
}

// moveAside renames an entry to the folder Ignored, where it replaces an older one of its path.
func (c *cleaner) moveAside(at string, upper int, name string) error {
	if err := c.openIgnored(); err != nil {
		return err
	}
	target := strings.ReplaceAll(at, "/", "!")
	err := unix.Renameat(upper, name, c.ignored, target)
	switch {
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
		// One of the two is a folder. To empty the older one first could take for ever.
		return unix.Renameat(upper, name, c.ignored, target+"~"+unique())
	}
	return err
}

func (c *cleaner) openIgnored() error {
	if c.ignored >= 0 {
		return nil
	}
	if err := unix.Mkdirat(c.base, Ignored, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	fd, err := openFolder(c.base, Ignored)
	if err == nil {
		c.ignored = fd
	}
	return err
}

func openFolder(at int, name string) (int, error) {
	return unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func unique() string {
	var random [4]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

func isFolder(stat unix.Stat_t) bool { return stat.Mode&unix.S_IFMT == unix.S_IFDIR }

func kindOf(stat unix.Stat_t) string {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFLNK:
		return "a link"
	case unix.S_IFCHR:
		if stat.Rdev == 0 {
			return removal
		}
	}
	return "a special file"
}
