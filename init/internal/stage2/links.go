package stage2

import (
	"crypto/rand"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func (h *host) link(link, target string) {
	aside, err := placeLink(link, target)
	if aside != "" {
		h.log.Warn("link.aside", "path", aside, "note", "this was in the place of the link "+link)
	}
	if err != nil {
		h.log.Warn("link.failed", "link", link, "cause", err)
	}
}

// tellAside says that something was in the place of a folder that the node needs, and where it is now.
func (h *host) tellAside(path string) {
	h.log.Warn("link.aside", "path", path, "note", "this was in the place of a folder that the node needs")
}

// placeLink makes a link, and replaces what a pod may have put in its place. It renames a file or a folder with content
// and returns the new name: that is somebody's data, and to empty a folder could take for ever.
func placeLink(link, target string) (aside string, err error) {
	if found, err := os.Readlink(link); err == nil && found == target {
		return "", nil
	}
	info, err := os.Lstat(link)
	if err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		err = unix.ENOTEMPTY
	} else {
		err = os.Remove(link)
	}
	if errors.Is(err, unix.ENOTEMPTY) {
		aside = link + "~" + rand.Text()[:8]
		err = os.Rename(link, aside)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return aside, os.Symlink(target, link)
}
