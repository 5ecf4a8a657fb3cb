package devlinks

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/volume"
)

// recorded is what udev and sysfs of one machine said at the same time.
type recorded struct {
	Devices []*Device
	Udev    map[string]string // device by link
}

// beyond are links that udev alone does not make, or makes for programs that open a disk once.
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
			case slices.ContainsFunc(beyond, func(prefix string) bool { return strings.HasPrefix(name, prefix) }):
			case !found:
				t.Errorf("%s: %s -> %s", side.missing, name, device)
			case other != device && len(claimed[name]) < 2:
				t.Errorf("%s: %s and %s", name, device, other)
			}
		}
	}
}

// TestTheLinksAreUdevs compares with a recording of udev (testdata/record.sh).
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

func linksIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type()&os.ModeSymlink != 0 {
			target, _ := os.Readlink(path)
			found[strings.TrimPrefix(path, folder+"/")] = filepath.Base(target)
		}
		return nil
	})
	return found
}

// TestOnAMachineWithUdev runs where udev has just made its links (testdata/record.sh): it records them, compares, and
// then keeps the links in udev's place while a disk is formatted.
func TestOnAMachineWithUdev(t *testing.T) {
	record := os.Getenv("KIOS_UDEV_RECORD")
	if record == "" {
		t.Skip("KIOS_UDEV_RECORD is not set: this needs a machine with udev")
	}
	devices := Snapshot("/sys")
	for _, device := range devices {
		readAll(device.disk().Name, []*Device{device})[device.Name].describe(device)
	}
	udev := linksIn(t, "/dev/disk")
	for _, device := range devices {
		pages(device, func(page string) string { return hex.EncodeToString([]byte(page)) })
	}
	data, err := json.MarshalIndent(recorded{devices, udev}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		pages(device, unhex)
	}
	compare(t, devices, udev)
	os.RemoveAll("/dev/disk")
	started := time.Now()
	go Keep(func(err error) { t.Error(err) })
	await(t, "the first links", func() bool { return len(linksIn(t, "/dev/disk")) >= len(Links(devices, nil)) })
	t.Logf("%d links of %d devices after %v", len(linksIn(t, "/dev/disk")), len(devices), time.Since(started))
	device := os.Getenv("KIOS_UDEV_DEVICE")
	old, err := os.OpenFile("/dev/"+device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	super := make([]byte, 1024)
	copy(super[56:], "\x53\xef")
	copy(super[104:], "renewed while on")
	copy(super[120:], "again")
	if _, err := old.WriteAt(make([]byte, 1<<17), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := old.WriteAt(super, 1024); err != nil {
		t.Fatal(err)
	}
	old.Close()
	want := volume.Content{Kind: "ext4", UUID: "72656e65-7765-6420-7768-696c65206f6e", Label: "again"}
	await(t, "the link of a new file system", func() bool {
		links := linksIn(t, "/dev/disk")
		return links["by-uuid/"+want.UUID] == device && links["by-label/"+want.Label] == device
	})
	os.WriteFile("/sys/block/"+os.Getenv("KIOS_UDEV_GONE")+"/device/delete", []byte("1"), 0o200)
	await(t, "a disk's links to go with it", func() bool {
		for _, target := range linksIn(t, "/dev/disk") {
			if strings.HasPrefix(target, os.Getenv("KIOS_UDEV_GONE")) {
				return false
			}
		}
		return true
	})
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %v", what, linksIn(t, "/dev/disk"))
		}
	}
}
