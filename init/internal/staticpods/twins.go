package staticpods

import "strings"

// Twins notices files with the same pod. Kubelet keeps its pods by namespace and name: of two files the one that it
// reads last counts, and its log has no line about the other.
type Twins struct {
	tell func(pod string, files []string)
	told map[string]bool
}

// maxTwins bounds what is told: a program may write one pair after the other.
const maxTwins = 64

// NewTwins returns Twins that pass each pod (NAMESPACE/NAME) with its files to tell, once.
func NewTwins(tell func(pod string, files []string)) *Twins {
	return &Twins{tell: tell, told: map[string]bool{}}
}

// filesOfPods are the paths of manifests by NAMESPACE/NAME of their pods.
type filesOfPods map[string][]string

func (f filesOfPods) add(manifest []byte, path string) {
	if pod := podOf(manifest); pod != "" {
		f[pod] = append(f[pod], path)
	}
}

// look tells of the pods with several files that have not been told. Rounds of Sync come one after another.
func (t *Twins) look(found filesOfPods) {
	if t == nil {
		return
	}
	for pod, files := range found {
		key := pod + "\n" + strings.Join(files, "\n")
		if len(files) < 2 || t.told[key] || len(t.told) >= maxTwins {
			continue
		}
		t.told[key] = true
		t.tell(pod, files)
	}
}
