package stage2

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	return formatStatus(r.Version, name, addresses("/sys/class/net", "/proc/net"), kubelet.Mode)
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

// addresses returns those that other machines reach, version 4 first, of the links by which the host is on a network.
func addresses(sys, proc string) []string {
	var v4, v6 []string
	links, _ := net.Interfaces()
	for _, link := range links {
		// A default route over lo is IPv6's refusal of all that it cannot reach.
		if link.Flags&net.FlagLoopback != 0 || !isHosts(sys, proc, link.Name) {
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

// madeByDHCP is the group of the bonds, VLANs and bridges that the DHCP agent makes from a network file.
const madeByDHCP = 0x6b696f

// isHosts distinguishes network cards, links made of them from the network file, and whatever has a default route, such
// as the bridge of a pod network that took a card, from the links of pods.
func isHosts(sys, proc, link string) bool {
	if _, err := os.Stat(filepath.Join(sys, link, "device")); err == nil {
		return true
	}
	if group, err := strconv.Atoi(readLine(filepath.Join(sys, link, "netdev_group"))); err == nil && group == madeByDHCP {
		return true
	}
	return hasDefaultRoute(proc, link)
}

// hasDefaultRoute reads the kernel's main tables (proc_pid_net(5)).
func hasDefaultRoute(proc, link string) bool {
	v4, _ := os.ReadFile(filepath.Join(proc, "route"))
	for line := range strings.Lines(string(v4)) {
		if field := strings.Fields(line); len(field) > 7 && field[0] == link && field[1] == "00000000" && field[7] == "00000000" {
			return true
		}
	}
	v6, _ := os.ReadFile(filepath.Join(proc, "ipv6_route"))
	for line := range strings.Lines(string(v6)) {
		if field := strings.Fields(line); len(field) > 9 && field[9] == link && field[1] == "00" && strings.Trim(field[0], "0") == "" {
			return true
		}
	}
	return false
}
