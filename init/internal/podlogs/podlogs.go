// Package podlogs mends the logs of pods after a run that did not end in order. ext4 records a file's new length before
// the bytes that fit into its last block, so a loss of power leaves zeros in the place of the last lines. Kubelet writes
// such a line, whole, into its own log whenever somebody reads the pod's log.
package podlogs

import (
	"bytes"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"kios.dev/init/internal/plainfile"
)

const (
	// mostNames bounds what is read of a folder: a pod with /var/log may have filled it.
	mostNames = 4096
	// step is how much of a file is looked at once, in bytes.
	step = 16 << 10
	// reach is how far back from its end a line feed is looked for in a file, in bytes: far more than a block and the
	// longest line that containerd writes.
	reach = 16 * step
)

// current is the form of the names of the files that kubelet reads: the number of a start of the container. Rotated
// files have a suffix.
var current = regexp.MustCompile(`^[0-9]+\.log$`)

// Mend cuts the logs below folder (/var/log/pods) after their last whole line, and returns how many it has cut and how
// many bytes that were. No container may run: the last line of one that does may still be on its way. What cannot be
// mended, or not until the deadline, stays as it is.
func Mend(folder string, deadline time.Time) (files int, cut int64) {
	for name := range logs(folder, deadline) {
		if n := mend(folder, name); n > 0 {
			files, cut = files+1, cut+n
		}
	}
	return files, cut
}

// logs returns the names of the files that kubelet reads, POD/CONTAINER/N.log, until the deadline.
func logs(folder string, deadline time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		for pod := range below(folder, "") {
			for container := range below(folder, pod) {
				for name := range below(folder, container) {
					if time.Now().After(deadline) || current.MatchString(filepath.Base(name)) && !yield(name) {
						return
					}
				}
			}
		}
	}
}

// below returns the names in a folder of root, each with the folder's.
func below(root, folder string) iter.Seq[string] {
	return func(yield func(string) bool) {
		names, _ := plainfile.Names(filepath.Join(root, folder), mostNames)
		for _, name := range names {
			if !yield(filepath.Join(folder, name)) {
				return
			}
		}
	}
}

// mend returns how many bytes it has cut from a file.
func mend(folder, name string) int64 {
	file, err := plainfile.OpenWritable(folder, name)
	if err != nil {
		return 0
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0
	}
	end, err := endOfLines(file, info.Size())
	if err != nil || end == info.Size() || file.Truncate(end) != nil {
		return 0
	}
	return info.Size() - end
}

// endOfLines returns the offset after the last line feed of a file with size bytes. It is 0 if there is none, and size if
// it is out of reach.
func endOfLines(file *os.File, size int64) (int64, error) {
	buffer := make([]byte, step)
	for end := size; end > 0; {
		if size-end >= reach {
			return size, nil
		}
		begin := max(end-step, 0)
		part := buffer[:end-begin]
		if _, err := file.ReadAt(part, begin); err != nil && err != io.EOF {
			return 0, err
		}
		if at := bytes.LastIndexByte(part, '\n'); at >= 0 {
			return begin + int64(at) + 1, nil
		}
		end = begin
	}
	return 0, nil
}
