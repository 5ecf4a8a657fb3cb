package devlinks

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// tree makes links below /dev/disk, and those of one cloud below /dev. It never follows a link out of /dev that
// somebody puts in its way.
type tree struct {
	root *os.Root          // /dev
	made map[string]string // target by link, as inDev takes it
}

// inDev returns the path of a link below /dev: a name that begins with a slash is there, any other in "disk".
func inDev(name string) string {
	if path, found := strings.CutPrefix(name, "/"); found {
		return path
	}
	return "disk/" + name
}

// apply makes the links that are wanted and removes those that it made and that are not wanted any more. Each link
// changes at once, by renaming another over it: a reader finds the old target or the new one.
func (t *tree) apply(wanted map[string]string) error {
	var failed error
	for name := range t.made {
		if _, kept := wanted[name]; kept {
			continue
		}
		if err := t.root.Remove(inDev(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = err
			continue
		}
		delete(t.made, name)
		t.prune(name)
	}
	for name, device := range wanted {
		if err := t.place(name, target(name, device)); err != nil {
			failed = err
			continue
		}
		t.made[name] = device
	}
	return failed
}

// prune removes the folders that a link leaves empty, but those that exist on every node.
func (t *tree) prune(name string) {
	for folder := filepath.Dir(name); strings.Contains(folder, "/") && folder != "/"; folder = filepath.Dir(folder) {
		if t.root.Remove(inDev(folder)) != nil {
			return
		}
	}
}

func (t *tree) place(name, target string) error {
	link := inDev(name)
	if found, err := t.root.Readlink(link); err == nil && found == target {
		return nil
	}
	folder := filepath.Dir(link)
	if err := t.root.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	unfinished := folder + "/.#" + filepath.Base(link)
	if err := t.root.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := t.root.Symlink(target, unfinished); err != nil {
		return err
	}
	return t.root.Rename(unfinished, link)
}

// target is relative, as udev's are: a pod sees the same devices wherever it mounts /dev.
func target(name, device string) string {
	return strings.Repeat("../", strings.Count(inDev(name), "/")) + strings.ReplaceAll(device, "!", "/")
}
