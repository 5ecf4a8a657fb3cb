package volatile

import (
	"slices"
	"sync"
)

// nodes are folders that are the node's own business: agents, kubelet and the pod network write there at each boot.
var nodes = []string{"/etc/cni", "/etc/containerd", "/etc/kios", "/etc/kubernetes", "/etc/ssl", "/usr/libexec/kubernetes"}

// Once passes each path to report once, unless a folder that it lies in has been passed. Of the folders themselves,
// which many pods look into, nothing follows for what is in them.
func Once(folders []string, report func(path string)) func(path string) {
	var mu sync.Mutex
	var told []string
	return func(path string) {
		mu.Lock()
		defer mu.Unlock()
		covers := func(earlier string) bool {
			return path == earlier || isBelow(path, earlier) && !slices.Contains(folders, earlier)
		}
		isNodes := func(folder string) bool { return isBelow(path, folder) }
		if path == "/etc" || len(told) >= limit || slices.ContainsFunc(nodes, isNodes) || slices.ContainsFunc(told, covers) {
			return
		}
		told = append(told, path)
		report(path)
	}
}
