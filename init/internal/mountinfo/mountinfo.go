// Package mountinfo reads the kernel's list of mounts, see proc_pid_mountinfo(5).
package mountinfo

import (
	"slices"
	"strconv"
	"strings"
)

// Mount is a line of the list.
type Mount struct {
	ID, Parent   string
	Device       string // of the file system, as "0:45"
	Root         string // the part of the file system that is mounted
	Target       string
	Options      string // of the mount
	FS, Source   string
	SuperOptions string // of the file system
}

// ReadOnly reports whether nobody can write by this mount.
func (m Mount) ReadOnly() bool { return slices.Contains(strings.Split(m.Options, ","), "ro") }

// Parse returns the mounts of a list, in its order, without lines of another form.
func Parse(text string) []Mount {
	var mounts []Mount
	for line := range strings.Lines(text) {
		// One space is between two fields: a source may be empty, and other kinds of space stand in names as they are.
		of, by, found := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		mount, device := strings.Split(of, " "), strings.Split(by, " ")
		if !found || len(mount) < 6 || len(device) < 3 {
			continue
		}
		mounts = append(mounts, Mount{
			ID: mount[0], Parent: mount[1], Device: mount[2], Root: unescape(mount[3]), Target: unescape(mount[4]), Options: mount[5],
			FS: device[0], Source: unescape(device[1]), SuperOptions: device[2],
		})
	}
	return mounts
}

// unescape replaces the octal numbers in which the kernel writes whitespace and backslashes.
func unescape(path string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+3 < len(path) {
			if code, err := strconv.ParseUint(path[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		out.WriteByte(path[i])
	}
	return out.String()
}
