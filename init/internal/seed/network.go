package seed

import (
	"bytes"
	"errors"
	"io/fs"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/plainfile"
)

// MaxNetwork is the size of a network file, in bytes.
const MaxNetwork = 64 << 10

// FromBoot is the source of the file in the folder `kios`.
const FromBoot = "boot"

// Network is the network file that the machine was given, and where: the folder `kios`, NoCloud or a config drive.
type Network struct {
	Source  string `json:"source"` // FromBoot, nocloud, config-2, or "" when there is none
	Content []byte `json:"content"`
}

// place is where a network file may be.
type place struct {
	source       string
	name         string // as people know it
	folder, file string
}

// networkPlaces returns the places by precedence. NoCloud's file is that of a volume, or, where there is none, at the
// top of the partition booted from.
func networkPlaces(boot, cidata, config2 string) []place {
	return []place{
		{FromBoot, "kios/network.yaml of the boot partition", boot, "network.yaml"},
		{"nocloud", "NoCloud's network-config", cidata, networkConfig},
		{"config-2", "network_data.json of the config drive", config2, "openstack/latest/network_data.json"},
	}
}

// findNetwork returns the network file that counts and names the others that are there. One that cannot be read counts
// as well, without content: the machine gets no file, and not another one than was meant.
func findNetwork(places []place, log Log) (found Network) {
	first := ""
	for _, p := range places {
		content, err := p.read()
		switch {
		case err == nil && !saysSomething(content):
		case first != "":
			log.Warn("network.ignored", "source", p.source, "cause", first+" is used and not "+p.name)
		default:
			first, found = p.name, Network{p.source, content}
			if err != nil {
				log.Warn("seed.failed", "label", p.source, "cause", fault.New(fault.Seed, "take "+p.name,
					"Write the file again; it has at most 64 KiB.", err))
			}
		}
	}
	return found
}

// read returns nothing where there is no file.
func (p place) read() ([]byte, error) {
	if p.folder == "" {
		return nil, nil
	}
	content, err := plainfile.Read(p.folder, p.file, MaxNetwork)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return content, err
}

// saysSomething reports whether a text is more than comments and blank lines, such as the file that Raspberry Pi Imager
// writes for a machine without Wi-Fi.
func saysSomething(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return true
		}
	}
	return false
}
