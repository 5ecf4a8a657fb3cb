package volatile

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"kios.dev/init/internal/mountinfo"
)

// interval is the time between two looks at the mounts of pods.
const interval = 20 * time.Second

// Pods finds what running pods have mounted from folders of the host, whether it was there before or not. It looks at
// each mount namespace once: a container's mounts do not change after its start.
type Pods struct {
	Proc    string   // /proc
	Folders []string // mount points of the host
	looked  map[string]bool
}

// Follow passes what Look finds to report. It never returns.
func (p *Pods) Follow(report func(path string)) {
	for {
		for _, path := range p.Look() {
			report(path)
		}
		time.Sleep(interval)
	}
}

// Look returns the paths of the host that pods which have started since the last look can write to. A namespace counts
// from its second look on: in the first it may still be in the making, with the mounts of the host.
func (p *Pods) Look() (paths []string) {
	host := p.mounts("self")
	own := p.namespace("self")
	looked := map[string]bool{own: true}
	for _, process := range p.processes() {
		space := p.namespace(process)
		if _, done := looked[space]; done || space == "" {
			continue
		}
		before, known := p.looked[space]
		looked[space] = known
		if !known || before {
			continue
		}
		pod := p.mounts(process)
		if at(pod, "/").Device == at(host, "/").Device {
			looked[space] = false // a program of the host, or a container whose root is still the host's
			continue
		}
		paths = append(paths, written(host, pod, p.Folders)...)
	}
	p.looked = looked
	return paths
}

func (p *Pods) processes() (names []string) {
	dir, err := os.Open(p.Proc)
	if err != nil {
		return nil
	}
	defer dir.Close()
	all, _ := dir.Readdirnames(-1)
	for _, name := range all {
		if _, err := strconv.Atoi(name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

func (p *Pods) namespace(process string) string {
	name, _ := os.Readlink(filepath.Join(p.Proc, process, "ns/mnt"))
	return name
}

func (p *Pods) mounts(process string) []mountinfo.Mount {
	text, _ := os.ReadFile(filepath.Join(p.Proc, process, "mountinfo"))
	return mountinfo.Parse(string(text))
}
