package stage2

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/seed"
)

const (
	// networkFile is where the DHCP agent looks first, and networkSource says beside it where the file comes from.
	networkFile   = "network.yaml"
	networkSource = "network.json"
	// keptNetwork in metaDir is the network file of a seed volume.
	keptNetwork = "network.json"
	// maxKept is the size of that file, in which the content is base64.
	maxKept = 2 * seed.MaxNetwork
)

// takeNetworkFile gives the DHCP agent the network file that the machine was given. A joined node mounts no volume of
// another disk, so it goes by a copy of what it had when it joined: its network must not change because it joined.
func (h *host) takeNetworkFile(found seed.Network, joined bool, meta, to string) {
	if !joined {
		if err := keepNetwork(meta, found); err != nil {
			h.log.Warn("network.keep", "cause", fault.New(fault.Seed, "keep the network file of a volume",
				"Check the disk; once it has joined, the node would use DHCP.", err))
		}
	} else if found.Source == "" {
		found = recallNetwork(meta)
	}
	if len(found.Content) == 0 {
		return
	}
	source := struct {
		V      int    `json:"v"`
		Source string `json:"source"`
	}{1, found.Source}
	err := atomicfile.WriteJSON(to+"/"+networkSource, source)
	if err == nil {
		// It may be Wi-Fi's passwords that a program wrote for another system.
		err = atomicfile.Write(to+"/"+networkFile, found.Content, 0o600)
	}
	if err != nil {
		h.log.Warn("seed.failed", "label", found.Source, "cause", fault.New(fault.Seed, "take the network file", "Check the machine's memory.", err))
	}
}

// keepNetwork records the network file of a volume, or that there is none. The boot partition's is there at each boot.
func keepNetwork(meta string, found seed.Network) error {
	path := meta + "/" + keptNetwork
	if len(found.Content) == 0 || found.Source == seed.FromBoot {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if was := recallNetwork(meta); was.Source == found.Source && bytes.Equal(was.Content, found.Content) {
		return nil
	}
	data, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, data, 0o600)
}

// recallNetwork returns what keepNetwork recorded.
func recallNetwork(meta string) (kept seed.Network) {
	data, err := plainfile.Read(meta, keptNetwork, maxKept)
	if err != nil || json.Unmarshal(data, &kept) != nil {
		return seed.Network{}
	}
	return kept
}
