package devlinks

import (
	"slices"
	"strconv"
	"strings"
)

// paths returns the names in by-path of a disk, as udev's builtin path_id and the rules for old names give them.
func paths(d *Device) []string {
	var parts, compat []string
	transport := false
	last := ""
	for i := range d.Ancestors {
		a := &d.Ancestors[i]
		// Of a chain of devices on one kind of bus the nearest to the disk counts.
		repeated := a.Subsystem == last
		last = a.Subsystem
		part, old, ok := pathPart(d, a)
		if repeated || !ok {
			continue
		}
		transport = transport || !slices.Contains(parentOnly, a.Subsystem)
		if part != "" {
			parts, compat = append(parts, part), append(compat, first(old, part))
		}
	}
	if !transport || len(parts) == 0 {
		return nil
	}
	names := []string{joined(parts)}
	if old := joined(compat); old != names[0] {
		names = append(names, old)
	}
	if strings.HasPrefix(d.Name, "vd") && strings.HasPrefix(names[0], "pci-") {
		names = append(names, "virtio-"+names[0])
	}
	return names
}

// parentOnly are the subsystems that alone do not say which disk it is: an adapter may have many.
var parentOnly = []string{"pci", "acpi", "xen"}

// joined puts the parts in the order from the machine to the disk.
func joined(parts []string) string {
	parts = slices.Clone(parts)
	slices.Reverse(parts)
	return replace(strings.Join(parts, "-"))
}

// pathPart returns what an ancestor adds to the path, and what it added in old names if that differs.
func pathPart(d *Device, a *Ancestor) (part, old string, ok bool) {
	switch a.Subsystem {
	case "pci", "platform", "acpi", "xen":
		return a.Subsystem + "-" + a.Name, "", true
	case "virtio":
		return "", "", true
	case "nvme":
		return "nvme-" + d.Attr["nsid"], "", d.Attr["nsid"] != ""
	case "usb":
		_, port, found := strings.Cut(a.Name, "-")
		return "usb-0:" + port, "", found
	case "scsi":
		if strings.Count(a.Name, ":") == 3 {
			return scsiPath(d, a)
		}
	}
	return "", "", false
}

// scsiPath names a SCSI unit by its transport. The units of hosts that have one of their own come with its address.
func scsiPath(d *Device, unit *Ancestor) (part, old string, ok bool) {
	address := strings.Split(unit.Name, ":")
	for i := range d.Ancestors {
		a := &d.Ancestors[i]
		if port := a.Attr["port_no"]; port != "" { // of an ata_port
			if address[1] != "0" {
				return "ata-" + port + "." + address[1] + ".0", "ata-" + port, true
			}
			return "ata-" + port + "." + address[2], "ata-" + port, true
		}
		if name := a.Attr["targetname"]; name != "" { // of a session of iSCSI
			portal := a.Attr["persistent_address"] + ":" + a.Attr["persistent_port"]
			return "ip-" + portal + "-iscsi-" + name + "-lun-" + address[3], "", true
		}
		if a.Subsystem == "vmbus" {
			return "vmbus-" + strings.NewReplacer("{", "", "}", "", "-", "").Replace(a.Attr["device_id"]) + "-lun-" + address[3], "", true
		}
	}
	host, _ := strconv.Atoi(address[0])
	base, _ := strconv.Atoi(d.Attr["hostBase"])
	return "scsi-" + strconv.Itoa(host-base) + ":" + strings.Join(address[1:], ":"), "", true
}
