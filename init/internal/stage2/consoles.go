package stage2

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kios.dev/init/internal/consoles"
	"kios.dev/init/internal/eventlog"
)

// openConsoles starts writing to all consoles, or, where none is found, to standard error: the kernel opened it on its
// own console, or Go's runtime on /dev/null.
func openConsoles() eventlog.Consoles {
	devices := consoles.Open(consoles.Find("/sys"), status)
	if len(devices) == 0 {
		devices = append(devices, os.Stderr)
	}
	return eventlog.NewConsoles(devices...)
}

// status returns what a person in front of the machine looks for: version, node, address, and kubelet's mode. It reads
// files, because it runs beside the boot.
func status() string {
	r, _ := readRelease("/etc/kios/release.json")
	name, _ := os.Hostname()
	var kubelet kubeletState
	if text, err := os.ReadFile(runDir + "/kubelet.json"); err == nil {
		json.Unmarshal(text, &kubelet)
	}
	return formatStatus(r.Version, name, addresses("/sys"), kubelet.Mode)
}

func formatStatus(version, name string, addresses []string, mode string) string {
	parts := []string{"kiOS " + version}
	if name != "" && name != "(none)" { // the kernel's name before there is one
		parts = append(parts, name)
	}
	if len(addresses) == 0 {
		addresses = []string{"no address"}
	}
	if mode == "" {
		mode = "starting"
	}
	return strings.Join(append(parts, strings.Join(addresses, ", "), mode), "  |  ")
}

// addresses returns those of network cards that other machines reach, version 4 first.
func addresses(sys string) []string {
	var v4, v6 []string
	links, _ := net.Interfaces()
	for _, link := range links {
		if _, err := os.Stat(filepath.Join(sys, "class/net", link.Name, "device")); err != nil {
			continue
		}
		own, _ := link.Addrs()
		for _, address := range own {
			prefix, ok := address.(*net.IPNet)
			switch {
			case !ok || !prefix.IP.IsGlobalUnicast():
			case prefix.IP.To4() != nil:
				v4 = append(v4, prefix.IP.String())
			default:
				v6 = append(v6, prefix.IP.String())
			}
		}
	}
	return slices.Concat(v4, v6)
}
