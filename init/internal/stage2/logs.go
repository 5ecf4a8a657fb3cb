package stage2

import (
	"crypto/rand"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// linkLogs makes the host's logs visible in kubelet's /logs endpoint, which serves /var/log.
func (h *host) linkLogs() {
	aside, err := placeLink("/var/log/kios", runDir+"/log")
	if aside != "" {
		h.log.Warn("logs.aside", "path", aside, "note", "this folder was in the place of the link to the host's logs")
	}
	if err != nil {
		h.log.Warn("logs.link", "cause", err)
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
