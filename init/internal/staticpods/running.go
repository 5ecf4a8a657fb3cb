package staticpods

import (
	"encoding/json"
	"path/filepath"
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

// NotRunning returns the offered pods of the image that do not run with all their containers, as the groups of control
// below groups (kubelet's /kubepods) show. Kubelet on its own has no list of pods to ask for.
func (f Folder) NotRunning(groups string) []string {
	names, _ := plainfile.Names(f.To, maxNames)
	slices.Sort(names)
	missing := []string{}
	for _, name := range names {
		content, err := plainfile.Read(f.To, name, maxSize)
		var d demand
		if err != nil || strings.HasPrefix(name, ".") || json.Unmarshal(content, &d) != nil {
			continue
		}
		if want := d.count(); want > 0 && running(groups, d.Metadata.UID) < want {
			missing = append(missing, d.Metadata.Namespace+"/"+d.Metadata.Name)
		}
	}
	return missing
}

// running returns how many groups of a pod have processes. Its class is part of the path.
func running(groups, uid string) (n int) {
	for _, class := range []string{"", "burstable", "besteffort"} {
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
