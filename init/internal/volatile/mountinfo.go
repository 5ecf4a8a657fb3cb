package volatile

import (
	"slices"
	"strconv"
	"strings"
)

// mount is a line of mountinfo, see proc_pid_mountinfo(5).
type mount struct {
	id, parent string
	device     string // of the file system, as "0:45"
	root       string // the part of the file system that is mounted
	target     string
	readOnly   bool
}

func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		mounts = append(mounts, mount{
			id: fields[0], parent: fields[1], device: fields[2], root: unescape(fields[3]), target: unescape(fields[4]),
			readOnly: slices.Contains(strings.Split(fields[5], ","), "ro"),
		})
	}
	return mounts
}

// unescape replaces the octal numbers of whitespace and backslashes.
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

func at(mounts []mount, target string) mount {
	for _, m := range slices.Backward(mounts) { // of several the last is on top
		if m.target == target {
			return m
		}
	}
	return mount{}
}

// isBelow reports whether a path is a folder or lies in it.
func isBelow(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// hostPath returns the path by which the host has a part of a file system, and the host's mount that shows it.
func hostPath(host []mount, device, root string) (path, shownBy string) {
	best := -1
	for i, m := range host {
		if m.device == device && isBelow(root, m.root) && (best < 0 || len(m.root) > len(host[best].root)) {
			best = i
		}
	}
	if best < 0 {
		return "", ""
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(root, host[best].root), "/")
	return strings.TrimSuffix(host[best].target+"/"+rest, "/"), host[best].target
}

// written returns the paths of the host in the folders that a pod has mounted and can write to.
func written(host, pod []mount, folders []string) []string {
	known := map[string]bool{}
	for _, m := range host {
		if m.target == "/" || slices.Contains(folders, m.target) {
			known[m.device] = true
		}
	}
	devices := map[string]string{}
	for _, m := range pod {
		devices[m.id] = m.device
	}
	var paths []string
	for _, m := range pod {
		// What is mounted in a folder of the host comes with that folder, and nobody asked for it.
		if m.readOnly || known[devices[m.parent]] {
			continue
		}
		if path, shownBy := hostPath(host, m.device, m.root); slices.Contains(folders, shownBy) {
			paths = append(paths, path)
		}
	}
	return paths
}
