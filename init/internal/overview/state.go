package overview

import (
	"slices"
	"strings"

	"kios.dev/init/internal/mountinfo"
)

const (
	mostMounts  = 256
	mostModules = 512
)

// State is the content of state.json: everything that is known of the node, for somebody who has no shell on it.
type State struct {
	V         int      `json:"v"`
	T         string   `json:"t"`
	Up        float64  `json:"up"`
	Hostname  string   `json:"hostname"`
	Addresses []string `json:"addresses"`
	Told
	Files
	Loaded []string `json:"loadedModules"`
	Mounts []Mount  `json:"mounts"`
}

// Mount is one of the host's own mounts.
type Mount struct {
	Target  string `json:"target"`
	FS      string `json:"fs"`
	Source  string `json:"source"`
	Options string `json:"options"`
}

// foreign are folders with mounts of pods: a driver's options may hold what only the pod may know.
var foreign = []string{"/var/lib/kubelet/", "/var/lib/containerd/", "/run/containerd/", "/run/netns/"}

// Mounts returns the host's own mounts of a list.
func Mounts(list string) (mounts []Mount) {
	for _, m := range mountinfo.Parse(list) {
		isForeign := slices.ContainsFunc(foreign, func(folder string) bool { return strings.HasPrefix(m.Target, folder) })
		if !isForeign && len(mounts) < mostMounts {
			mounts = append(mounts, Mount{m.Target, m.FS, m.Source, m.Options + "," + m.SuperOptions})
		}
	}
	return mounts
}

// Modules returns the names of loaded modules (proc_modules(5)).
func Modules(text string) (names []string) {
	for line := range strings.Lines(text) {
		name, _, found := strings.Cut(line, " ")
		if found && len(names) < mostModules {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
