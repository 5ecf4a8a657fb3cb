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
		h.log.Warn("link.aside", "path", aside, "note", "this folder was in the place of the link "+link)
	}
	if err != nil {
		h.log.Warn("link.failed", "link", link, "cause", err)
	}
}

// placeLink makes a link, and replaces what a pod may have put in its place. It renames a folder with content and
// returns the new name: to empty it could take for ever.
func placeLink(link, target string) (aside string, err error) {
	if found, err := os.Readlink(link); err == nil && found == target {
		return "", nil
	}
	err = os.Remove(link)
	if errors.Is(err, unix.ENOTEMPTY) {
		aside = link + "~" + rand.Text()[:8]
		err = os.Rename(link, aside)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return aside, os.Symlink(target, link)
}
