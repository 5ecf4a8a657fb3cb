package devlinks

import (
	"slices"
	"strconv"
	"strings"
)

// paths returns the names in by-path of a disk, as udev's builtin path_id gives them, with those that it keeps for
// compatibility; the first is the one that has a folder for partitions.
func paths(d *Device) []string {
	var parts []part
	transport := false
	last := ""
	for i := range d.Ancestors {
		a := &d.Ancestors[i]
		// Of a chain of devices on one kind of bus the nearest to the disk counts.
		repeated := a.Subsystem == last
		last = a.Subsystem
		p, ok := partOf(d, i)
		if repeated || !ok {
			continue
		}
		transport = transport || !slices.Contains(parentOnly, a.Subsystem)
		if p.name != "" {
			parts = append(parts, p)
		}
	}
	if !transport || len(parts) == 0 {
		return nil
	}
	path := joined(parts, func(p part) string { return p.name })
	names := []string{path}
	for _, other := range []string{
		joined(parts, func(p part) string { return first(p.ata, p.name) }),
		joined(parts, func(p part) string { return first(p.usb, p.name) }),
	} {
		if other != path {
			names = append(names, other)
		}
	}
	if strings.HasPrefix(d.Name, "vd") && strings.HasPrefix(path, "pci-") {
		names = append(names, "virtio-"+path)
	}
	return names
}

// part is what an ancestor adds to a path. The last two are for other forms of the path; empty ones are the same.
type part struct {
	name string
	ata  string // without the target and unit of ATA
	usb  string // with the version of USB
}

// parentOnly are the subsystems that alone do not say which disk it is: an adapter may have many.
var parentOnly = []string{"pci", "acpi", "xen"}

// joined puts one form of the parts in the order from the machine to the disk.
func joined(parts []part, form func(part) string) string {
	names := make([]string, 0, len(parts))
	for _, p := range slices.Backward(parts) {
		names = append(names, form(p))
	}
	return replace(strings.Join(names, "-"))
}

// partOf returns what the i-th ancestor adds to the path.
func partOf(d *Device, i int) (p part, ok bool) {
	a := &d.Ancestors[i]
	switch a.Subsystem {
	case "pci", "platform", "acpi", "xen":
		return part{name: a.Subsystem + "-" + a.Name}, true
	case "virtio":
		return part{}, true
	case "nvme":
		return part{name: "nvme-" + d.Attr["nsid"]}, d.Attr["nsid"] != ""
	case "usb":
		return usbPath(d.Ancestors[i:])
	case "scsi":
		if strings.Count(a.Name, ":") == 3 {
			return scsiPath(d, a)
		}
	}
	return part{}, false
}

// usbPath names a USB device by its ports. The number of its bus is left out, because it depends on the order in which
// buses appear.
func usbPath(chain []Ancestor) (p part, ok bool) {
	_, port, found := strings.Cut(chain[0].Name, "-")
	if !found {
		return part{}, false
	}
	p.name = "usb-0:" + port
	last := 0
	for last+1 < len(chain) && chain[last+1].Subsystem == "usb" {
		last++
	}
	if version := usbVersion(chain[last].Attr); version != "" {
		p.usb = "usbv" + version + "-0:" + port
	}
	return p, true
}

// usbVersion tells the version of a bus by its root hub: the protocol is that of hubs (USB 2.0 section 11.23.1, USB 3.2
// section 10.15.1), where 0 stands for a fast one and for a slow one.
func usbVersion(rootHub map[string]string) string {
	switch protocol := rootHub["bDeviceProtocol"]; {
	case protocol == "00" && rootHub["speed"] != "480":
		return "1"
	case protocol == "00", protocol == "01", protocol == "02":
		return "2"
	case protocol == "03":
		return "3"
	}
	return ""
}

// scsiPath names a SCSI unit by its transport. The units of hosts that have one of their own come with its address.
func scsiPath(d *Device, unit *Ancestor) (p part, ok bool) {
	address := strings.Split(unit.Name, ":")
	for i := range d.Ancestors {
		a := &d.Ancestors[i]
		if port := a.Attr["port_no"]; port != "" { // of an ata_port
			if address[1] != "0" {
				return part{name: "ata-" + port + "." + address[1] + ".0", ata: "ata-" + port}, true
			}
			return part{name: "ata-" + port + "." + address[2], ata: "ata-" + port}, true
		}
		if name := a.Attr["targetname"]; name != "" { // of a session of iSCSI
			portal := a.Attr["persistent_address"] + ":" + a.Attr["persistent_port"]
			return part{name: "ip-" + portal + "-iscsi-" + name + "-lun-" + address[3]}, true
		}
		if a.Subsystem == "vmbus" {
			id := strings.NewReplacer("{", "", "}", "", "-", "").Replace(a.Attr["device_id"])
			return part{name: "vmbus-" + id + "-lun-" + address[3]}, true
		}
	}
	host, _ := strconv.Atoi(address[0])
	base, _ := strconv.Atoi(d.Attr["hostBase"])
	return part{name: "scsi-" + strconv.Itoa(host-base) + ":" + strings.Join(address[1:], ":")}, true
}
