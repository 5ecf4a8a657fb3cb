package overview

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"kios.dev/init/internal/plainfile"
)

const (
	fileLimit  = 128 << 10 // bytes of a state file
	mostLeases = 16        // of each family
	mostFaults = 32
	infinite   = 0xffffffff // seconds of a lease that never ends, RFC 2131
)

// Phase is a step of the boot.
type Phase struct {
	Name string  `json:"name"`
	Up   float64 `json:"up"`
}

// Clock is the state of the wall clock.
type Clock struct {
	Known  bool   `json:"-"`
	Sane   bool   `json:"sane"`
	Synced bool   `json:"synced"`
	Source string `json:"source"`
}

// Lease is one that ends.
type Lease struct {
	Link, Family string
	Length       float64 // seconds
	Until        float64 // seconds of CLOCK_BOOTTIME
}

// Update is what init says of the systems on the medium.
type Update struct {
	Known  bool
	Trial  bool // the running system is not confirmed yet
	Failed bool // the machine came back from another one
}

// Facts are what the page and the metrics are made of.
type Facts struct {
	Up              float64
	Version, Kernel string
	Mode            string // of kubelet, "" before its first start
	Data            string // "partition" or "ram"
	Phases          []Phase
	Clock           Clock
	Leases          []Lease
	Faults          []Fault // now
	Update          Update
	Told            Told
}

// Files are the state files, as their writers left them. Those that are missing or torn are nil.
type Files struct {
	Boot    json.RawMessage            `json:"boot,omitempty"`
	Kubelet json.RawMessage            `json:"kubelet,omitempty"`
	Clock   json.RawMessage            `json:"clock,omitempty"`
	Sources json.RawMessage            `json:"sources,omitempty"`
	Modules json.RawMessage            `json:"modules,omitempty"`
	Faults  json.RawMessage            `json:"faults,omitempty"`
	Slots   json.RawMessage            `json:"slots,omitempty"`
	Leases  map[string]json.RawMessage `json:"leases,omitempty"`
	Leases6 map[string]json.RawMessage `json:"leases6,omitempty"`
}

// ReadFiles reads the state files below run. Pods can write to some of these folders.
func ReadFiles(run string) Files {
	read := func(folder, name string) json.RawMessage { return readJSON(filepath.Join(run, folder), name) }
	return Files{
		Boot: read("", "boot.json"), Kubelet: read("", "kubelet.json"),
		Clock: read("time", "state.json"), Sources: read("chrony", "sources.json"),
		Modules: read("modules", "status.json"), Faults: read("platform", "faults.json"), Slots: read("", "slots.json"),
		Leases: readLeases(filepath.Join(run, "net")), Leases6: readLeases(filepath.Join(run, "net/v6")),
	}
}

func readJSON(folder, name string) json.RawMessage {
	text, err := plainfile.Read(folder, name, fileLimit)
	if err != nil || !bytes.HasPrefix(text, []byte("{")) || !json.Valid(text) {
		return nil
	}
	return text
}

// readLeases returns the leases of a folder by link.
func readLeases(folder string) map[string]json.RawMessage {
	const mostNames = 256
	names, _ := plainfile.Names(folder, mostNames)
	slices.Sort(names)
	found := map[string]json.RawMessage{}
	for _, name := range names {
		link, isLease := strings.CutSuffix(name, ".json")
		if !isLease || len(found) == mostLeases {
			continue
		}
		if text := readJSON(folder, name); text != nil {
			found[link] = text
		}
	}
	return found
}

// Facts reads the files' content. Whatever they hold, it returns: what is not understood is not known.
func (files Files) Facts(up float64, told Told) Facts {
	f := Facts{Up: up, Told: told}
	var boot struct {
		Version, Kernel, Data string
		Phases                []Phase
	}
	if json.Unmarshal(files.Boot, &boot) == nil {
		f.Version, f.Kernel, f.Data, f.Phases = boot.Version, boot.Kernel, boot.Data, boot.Phases
	}
	var kubelet struct{ Mode string }
	if json.Unmarshal(files.Kubelet, &kubelet) == nil {
		f.Mode = kubelet.Mode
	}
	f.Clock.Known = json.Unmarshal(files.Clock, &f.Clock) == nil
	f.Clock.Source = short(f.Clock.Source)
	f.Faults = parseFaults(files.Faults)
	f.Update = parseUpdate(files.Slots)
	for link, text := range files.Leases {
		f.addLease(parseLease(link, text))
	}
	for link, text := range files.Leases6 {
		f.addLease(parseLease6(link, text))
	}
	slices.SortFunc(f.Leases, func(a, b Lease) int { return cmp.Or(cmp.Compare(a.Link, b.Link), cmp.Compare(a.Family, b.Family)) })
	return f
}

func parseUpdate(text json.RawMessage) Update {
	var slots struct {
		State  string
		Failed *struct{}
	}
	if json.Unmarshal(text, &slots) != nil {
		return Update{}
	}
	return Update{Known: true, Trial: slots.State == "trial", Failed: slots.Failed != nil}
}

func (f *Facts) addLease(l Lease) {
	if l.Length > 0 {
		f.Leases = append(f.Leases, l)
	}
}

// parseLease returns a lease of IPv4, or one without a length if it never ends.
func parseLease(link string, text json.RawMessage) Lease {
	var lease struct {
		State    string
		Acquired struct{ Boot float64 }
		Lease    float64
	}
	if json.Unmarshal(text, &lease) != nil || lease.Lease >= infinite {
		return Lease{}
	}
	return Lease{link, "ipv4", lease.Lease, lease.Acquired.Boot + lease.Lease}
}

// parseLease6 returns what a DHCPv6 server gave a link, by the address that lasts longest.
func parseLease6(link string, text json.RawMessage) Lease {
	var lease struct {
		Written   struct{ Boot float64 }
		Addresses []struct{ ValidUntil *float64 }
	}
	if json.Unmarshal(text, &lease) != nil {
		return Lease{}
	}
	until := 0.0
	for _, address := range lease.Addresses {
		if address.ValidUntil == nil {
			return Lease{}
		}
		until = max(until, *address.ValidUntil)
	}
	return Lease{link, "ipv6", until - lease.Written.Boot, until}
}

// parseFaults reads what the bootstrap agent finds wrong now, the oldest first.
func parseFaults(text json.RawMessage) (faults []Fault) {
	var state struct {
		Faults []struct {
			Fault
			Since float64
		}
	}
	if json.Unmarshal(text, &state) != nil {
		return nil
	}
	for _, one := range state.Faults[:min(len(state.Faults), mostFaults)] {
		if isCode(one.Code) {
			faults = append(faults, Fault{one.Code, "", short(one.Cause), short(one.Remedy), short(one.Condition), one.Since})
		}
	}
	return faults
}
