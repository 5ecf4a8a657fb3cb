package stage2

import (
	"crypto/rand"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/machine"
	"kios.dev/init/internal/plainfile"
)

// memory returns the machine's memory in bytes.
func memory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0 // never happens (sysinfo(2))
	}
	return info.Totalram * uint64(info.Unit)
}

// identify finds the name that the node has unless someone chose one, and keeps the machine's id, which kubelet reports
// too, in /etc/machine-id.
func (h *host) identify() {
	var random [16]byte
	rand.Read(random[:]) // never fails
	text, _ := plainfile.Read("/etc", "machine-id", 64)
	stored := strings.TrimSpace(string(text))
	facts := machine.Read("/sys")
	identity := machine.Identify(facts, stored, random)
	h.machine, h.ownName = facts.Hash(), kubelet.Name{Host: identity.Name, Source: identity.Source}
	if identity.ID == stored {
		return
	}
	if err := atomicfile.Write("/etc/machine-id", []byte(identity.ID+"\n"), 0o444); err != nil {
		h.log.Warn("machine-id.failed", "cause", err)
	}
}

// hostState is the content of host.json.
type hostState struct {
	V              int    `json:"v"`
	Hostname       string `json:"hostname"`
	HostnameSource string `json:"hostnameSource"`
	Machine        string `json:"machine,omitempty"`
	Version        string `json:"version"`
	BuildTime      string `json:"buildTime"`
	Data           string `json:"data"`
	DataReason     string `json:"dataReason,omitempty"`
}

// publish writes host.json for pods that do not see /etc.
func (h *host) publish(name kubelet.Name) {
	state := hostState{
		V: 1, Hostname: name.Host, HostnameSource: name.Source, Machine: h.machine,
		Version: h.release.Version, BuildTime: h.release.BuildTime.Format(time.RFC3339),
		Data: h.data, DataReason: h.dataReason,
	}
	if err := atomicfile.WriteJSON(runDir+"/host/host.json", state); err != nil {
		h.log.Warn("host.json", "cause", err)
	}
}
