package devlinks

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// recorded is what udev and sysfs of one machine said at the same time.
type recorded struct {
	Devices []*Device
	Udev    map[string]string // device by link
}

// beyond are parts of links that udev alone does not make, or that only udev makes, for programs that open a disk once.
var beyond = []string{"by-diskseq/", "by-id/lvm-pv-uuid-", "by-loop"}

// pages changes the binary attributes of a device, which JSON cannot hold.
func pages(device *Device, change func(string) string) {
	for name, value := range device.Attr {
		if strings.Contains(name, "vpd_pg") {
			device.Attr[name] = change(value)
		}
	}
}

func compare(t *testing.T, devices []*Device, udev map[string]string) {
	t.Helper()
	links := Links(devices, nil)
	claimed := map[string][]string{}
	for _, device := range devices {
		for _, name := range claims(device) {
			claimed[name] = append(claimed[name], device.Name)
		}
	}
	for _, side := range []struct {
		names, other map[string]string
		missing      string
	}{
		{udev, links, "udev's link is missing"}, {links, udev, "udev has no such link"},
	} {
		for name, device := range side.names {
			other, found := side.other[name]
			switch {
			case slices.ContainsFunc(beyond, func(part string) bool { return strings.Contains(name, part) }):
			case !found:
				t.Errorf("%s: %s -> %s", side.missing, name, device)
			case other != device && len(claimed[name]) < 2:
				t.Errorf("%s: %s and %s", name, device, other)
			}
		}
	}
}

// TestTheLinksAreUdevs compares with a recording of udev (os/test/e2e/device-links.test.ts).
func TestTheLinksAreUdevs(t *testing.T) {
	data, err := os.ReadFile("testdata/udev.json")
	if err != nil {
		t.Fatal(err)
	}
	var machine recorded
	if err := json.Unmarshal(data, &machine); err != nil {
		t.Fatal(err)
	}
	if len(machine.Udev) < 60 {
		t.Fatalf("the recording has %d links", len(machine.Udev))
	}
	for _, device := range machine.Devices { // the recording has a copy of the disk for each partition
		pages(device, unhex)
		for _, disk := range machine.Devices {
			if device.Parent != nil && device.Parent.Name == disk.Name {
				device.Parent = disk
			}
		}
	}
	compare(t, machine.Devices, machine.Udev)
}
