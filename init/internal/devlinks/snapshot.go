package devlinks

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// attributes are the files below a disk's folder in sysfs that tell what it is.
var attributes = []string{
	"serial", "wwid", "nsid", "dm/name", "dm/uuid",
	"device/serial", "device/model", "device/vendor", "device/name",
	"device/vpd_pg80", "device/vpd_pg83", "device/vpd_pg89",
}

// ancestorAttributes do the same for the devices above it.
var ancestorAttributes = []string{
	"vendor", "model", "device_id", "serial", "manufacturer", "product", "idVendor", "idProduct",
	"bDeviceProtocol", "speed",
}

// maxAttribute is the size of the largest page of vital product data that is read, in bytes.
const maxAttribute = 4096

// ignored are devices for which udev makes no persistent links.
var ignored = []string{"ram", "zram", "fd", "mtdblock", "loop", "nbd"}

// Snapshot reads sys (/sys) into the devices that have a medium, without what their superblocks hold.
func Snapshot(sys string) []*Device {
	entries, _ := os.ReadDir(filepath.Join(sys, "class/block"))
	var devices []*Device
	disks := map[string]*Device{}
	type partition struct {
		device *Device
		disk   string
	}
	var partitions []partition
	for _, entry := range entries {
		name := entry.Name()
		if isIgnored(name) {
			continue
		}
		folder, err := filepath.EvalSymlinks(filepath.Join(sys, "class/block", name))
		if err != nil || readNumber(folder, "size") == 0 {
			continue
		}
		device := &Device{Name: name, Seq: readNumber(folder, "diskseq"), Size: readNumber(folder, "size") * 512}
		devices = append(devices, device)
		if device.Number = int(readNumber(folder, "partition")); device.Number == 0 {
			describe(device, sys, folder)
			disks[name] = device
			continue
		}
		uevent := variables(readText(folder, "uevent"))
		device.PartUUID, device.PartName = uevent["PARTUUID"], uevent["PARTNAME"]
		partitions = append(partitions, partition{device, filepath.Base(filepath.Dir(folder))})
	}
	for _, each := range partitions {
		each.device.Parent = disks[each.disk]
	}
	// A partition whose disk has just gone goes next.
	return slices.DeleteFunc(devices, func(d *Device) bool { return d.Number > 0 && d.Parent == nil })
}

// isIgnored tells apart too the hidden areas of a memory card, which would claim the card's links.
func isIgnored(name string) bool {
	return slices.ContainsFunc(ignored, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) ||
		strings.HasPrefix(name, "mmcblk") && (strings.Contains(name, "boot") || strings.Contains(name, "rpmb"))
}

func describe(disk *Device, sys, folder string) {
	disk.Attr = readFiles(folder, attributes)
	root, err := filepath.EvalSymlinks(filepath.Join(sys, "devices"))
	if err != nil {
		return
	}
	for at := above(folder); strings.HasPrefix(at, root+"/"); at = above(at) {
		disk.Ancestors = append(disk.Ancestors, readAncestor(at))
		if host := filepath.Base(at); strings.HasPrefix(host, "host") {
			disk.Attr["hostBase"] = strconv.Itoa(hostBase(filepath.Dir(at), host))
		}
	}
}

// above returns the folder of the parent device. Above a namespace of a controller with several paths there is none:
// its place is below the one controller that it has.
func above(folder string) string {
	parent := filepath.Dir(folder)
	if target, err := os.Readlink(filepath.Join(parent, "subsystem")); err != nil || filepath.Base(target) != "nvme-subsystem" {
		return parent
	}
	controllers, _ := filepath.Glob(filepath.Join(parent, "nvme*", "transport"))
	if len(controllers) != 1 {
		return parent
	}
	controller, err := filepath.EvalSymlinks(filepath.Dir(controllers[0]))
	if err != nil {
		return parent
	}
	return controller
}

func readAncestor(folder string) Ancestor {
	ancestor := Ancestor{Name: filepath.Base(folder)}
	if target, err := os.Readlink(filepath.Join(folder, "subsystem")); err == nil {
		ancestor.Subsystem = filepath.Base(target)
		ancestor.Attr = readFiles(folder, ancestorAttributes)
	} else if strings.HasPrefix(ancestor.Name, "ata") {
		ancestor.Attr = map[string]string{}
		if port := readText(filepath.Join(folder, "ata_port", ancestor.Name), "port_no"); port != "" {
			ancestor.Attr["port_no"] = port
		}
	} else if number, found := strings.CutPrefix(ancestor.Name, "session"); found {
		connection := "connection" + number + ":0"
		ancestor.Attr = readFiles(filepath.Join(folder, connection, "iscsi_connection", connection), []string{"persistent_address", "persistent_port"})
		if name := readText(filepath.Join(folder, "iscsi_session", ancestor.Name), "targetname"); name != "" {
			ancestor.Attr["targetname"] = name
		}
	}
	return ancestor
}

// hostBase returns the lowest number of the SCSI hosts of an adapter: path_id counts from it, because the kernel's
// numbers depend on the order in which adapters appear.
func hostBase(adapter, host string) int {
	base, _ := strconv.Atoi(strings.TrimPrefix(host, "host"))
	entries, _ := os.ReadDir(adapter)
	for _, entry := range entries {
		if number, found := strings.CutPrefix(entry.Name(), "host"); found {
			if n, err := strconv.Atoi(number); err == nil {
				base = min(base, n)
			}
		}
	}
	return base
}

func readFiles(folder string, names []string) map[string]string {
	found := map[string]string{}
	for _, name := range names {
		if text := readText(folder, name); text != "" {
			found[name] = text
		}
	}
	return found
}

// readText returns an attribute without whitespace at its end; a page of vital product data comes as it is.
func readText(folder, name string) string {
	file := filepath.Join(folder, name)
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) > maxAttribute {
		return ""
	}
	if strings.Contains(name, "vpd_pg") {
		return string(data)
	}
	return strings.TrimRight(string(data), " \t\r\n\x00")
}

func readNumber(folder, name string) int64 {
	n, _ := strconv.ParseInt(readText(folder, name), 10, 64)
	return n
}

// variables parses a uevent file, one KEY=value a line.
func variables(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			found[key] = value
		}
	}
	return found
}
