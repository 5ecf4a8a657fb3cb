package volatile

import (
	"slices"
	"strings"

	"kios.dev/init/internal/mountinfo"
)

func at(mounts []mountinfo.Mount, target string) mountinfo.Mount {
	for _, m := range slices.Backward(mounts) { // of several the last is on top
		if m.Target == target {
			return m
		}
	}
	return mountinfo.Mount{}
}

// isBelow reports whether a path is a folder or lies in it.
func isBelow(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// hostPath returns the path by which the host has a part of a file system, and the host's mount that shows it.
func hostPath(host []mountinfo.Mount, device, root string) (path, shownBy string) {
	best := -1
	for i, m := range host {
		if m.Device == device && isBelow(root, m.Root) && (best < 0 || len(m.Root) > len(host[best].Root)) {
			best = i
		}
	}
	if best < 0 {
		return "", ""
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(root, host[best].Root), "/")
	return strings.TrimSuffix(host[best].Target+"/"+rest, "/"), host[best].Target
}

// written returns the paths of the host in the folders that a pod has mounted and can write to.
func written(host, pod []mountinfo.Mount, folders []string) []string {
	known := map[string]bool{}
	for _, m := range host {
		if m.Target == "/" || slices.Contains(folders, m.Target) {
			known[m.Device] = true
		}
	}
	devices := map[string]string{}
	for _, m := range pod {
		devices[m.ID] = m.Device
	}
	var paths []string
	for _, m := range pod {
		// What is mounted in a folder of the host comes with that folder, and nobody asked for it.
		if m.ReadOnly() || known[devices[m.Parent]] {
			continue
		}
		if path, shownBy := hostPath(host, m.Device, m.Root); slices.Contains(folders, shownBy) {
			paths = append(paths, path)
		}
	}
	return paths
}
