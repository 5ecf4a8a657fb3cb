package staticpods

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"kios.dev/init/internal/plainfile"
)

// groupLimit bounds what is read of a group's list of processes: one is enough.
const groupLimit = 64 << 10

// demand is what a manifest says of how many containers are to run all the time.
type demand struct {
	Metadata struct{ Namespace, Name, UID string }
	Spec     struct {
		RestartPolicy              string
		Containers, InitContainers []struct{ RestartPolicy string }
	}
}

// count returns how many groups with processes the pod has when it runs: one for each container that stays, and that of
// its sandbox. It is 0 for a pod that ends by itself, and for a manifest without a uid, whose groups are not known.
func (d demand) count() int {
	stays := d.Spec.RestartPolicy == "" || d.Spec.RestartPolicy == "Always"
	if d.Metadata.UID == "" || !stays {
		return 0
	}
	n := len(d.Spec.Containers) + 1
	for _, c := range d.Spec.InitContainers {
		if c.RestartPolicy == "Always" {
			n++
		}
	}
	return n
}

// givenUID is the form of the uid that an API server gives a pod. Kubelet's own, for a manifest without one, has no
// hyphens.
var givenUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Running returns the offered pods of the image that do not run with all their containers, and whether a pod runs that
// is none of the offered ones, so that kubelet was given it by its API server. Both are seen by the groups of control
// below groups (kubelet's /kubepods): kubelet on its own has no list of pods to ask for.
func (f Folder) Running(groups string) (missing []string, runsGiven bool) {
	missing = []string{}
	manifests := f.offered()
	for _, manifest := range manifests {
		var d demand
		if json.Unmarshal(manifest, &d) != nil {
			continue
		}
		if want := d.count(); want > 0 && running(groups, d.Metadata.UID) < want {
			missing = append(missing, d.Metadata.Namespace+"/"+d.Metadata.Name)
		}
	}
	// A person may write a uid too, in YAML.
	isOffered := func(uid string) bool {
		return slices.ContainsFunc(manifests, func(manifest []byte) bool { return bytes.Contains(manifest, []byte(uid)) })
	}
	return missing, slices.ContainsFunc(uidsIn(groups), func(uid string) bool {
		const fewest = 2 // a sandbox alone is no pod that runs
		return givenUID.MatchString(uid) && running(groups, uid) >= fewest && !isOffered(uid)
	})
}

// offered reads the offered manifests, in order.
func (f Folder) offered() (manifests [][]byte) {
	names, _ := plainfile.Names(f.To, maxNames)
	slices.Sort(names)
	for _, name := range names {
		if content, err := plainfile.Read(f.To, name, maxSize); err == nil && !strings.HasPrefix(name, ".") {
			manifests = append(manifests, content)
		}
	}
	return manifests
}

// classes are the groups in which kubelet has the groups of pods, by their class of service.
var classes = []string{"", "burstable", "besteffort"}

// uidsIn returns the uids of the pods that have a group.
func uidsIn(groups string) (uids []string) {
	for _, class := range classes {
		names, _ := plainfile.Names(filepath.Join(groups, class), maxNames)
		for _, name := range names {
			if uid, ok := strings.CutPrefix(name, "pod"); ok {
				uids = append(uids, uid)
			}
		}
	}
	return uids
}

// running returns how many groups of a pod have processes.
func running(groups, uid string) (n int) {
	for _, class := range classes {
		pod := filepath.Join(groups, class, "pod"+uid)
		containers, _ := plainfile.Names(pod, maxNames)
		for _, container := range containers {
			procs, err := plainfile.Read(filepath.Join(pod, container), "cgroup.procs", groupLimit)
			if err == nil && len(procs) > 0 {
				n++
			}
		}
	}
	return n
}
