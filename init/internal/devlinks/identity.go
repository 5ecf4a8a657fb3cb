package devlinks

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// identities returns the names in by-id of a disk, as 60-persistent-storage.rules gives them.
func identities(d *Device) []string {
	switch {
	case strings.HasPrefix(d.Name, "nvme"):
		return nvme(d)
	case strings.HasPrefix(d.Name, "vd"):
		return named("virtio-", squeeze(d.Attr["serial"]))
	case strings.HasPrefix(d.Name, "mmcblk"):
		if d.Attr["device/name"] != "" && d.Attr["device/serial"] != "" {
			return []string{"mmc-" + squeeze(d.Attr["device/name"]) + "_" + squeeze(d.Attr["device/serial"])}
		}
	case strings.HasPrefix(d.Name, "dm-"):
		return append(named("dm-name-", squeeze(d.Attr["dm/name"])), named("dm-uuid-", squeeze(d.Attr["dm/uuid"]))...)
	case strings.HasPrefix(d.Name, "sd"), strings.HasPrefix(d.Name, "sr"):
		return append(scsiDisk(d), google(d)...)
	}
	return nil
}

func named(prefix, name string) []string {
	if name == "" {
		return nil
	}
	return []string{prefix + name}
}

// nvme names a namespace by its world wide name, and by the model and serial number of its controller with its own
// number. The first namespace also has these without a number.
func nvme(d *Device) []string {
	names := named("nvme-", squeeze(d.Attr["wwid"]))
	model, serial := d.Attr["device/model"], d.Attr["device/serial"]
	if model != "" && serial != "" {
		name := "nvme-" + replace(model+"_"+serial)
		nsid := d.Attr["nsid"]
		names = append(names, named(name+"_", nsid)...)
		if nsid == "1" {
			names = append(names, name)
		}
	}
	return append(names, named("google-", squeeze(googleName(d.VendorText)))...)
}

// scsiDisk follows the order of the rules: ATA disks, USB disks, other SCSI disks.
func scsiDisk(d *Device) []string {
	if d.Attr["device/vendor"] == "ATA" {
		if name, wwn := ata(d.Attr["device/vpd_pg89"]); name != "" {
			return append([]string{"ata-" + name}, named("wwn-", wwn)...)
		}
	}
	if name := usb(d); name != "" {
		return []string{"usb-" + name}
	}
	id := scsi(d)
	return append(named("scsi-", squeeze(id.serial)), named("wwn-", id.wwn)...)
}

// ata reads the IDENTIFY DEVICE data in the ATA information page of SCSI (SAT-4 section 12.4.2), as ata_id does: the
// serial number in words 10 to 19, the model in 27 to 46, the world wide name in 108 to 111.
func ata(page string) (name, wwn string) {
	const data = 60
	if len(page) < data+512 {
		return "", ""
	}
	identify := []byte(page[data : data+512])
	text := func(from, to int) string {
		swapped := make([]byte, 0, 2*(to-from+1))
		for word := from; word <= to; word++ {
			swapped = append(swapped, identify[2*word+1], identify[2*word])
		}
		return squeeze(strings.ReplaceAll(string(swapped), "\x00", " "))
	}
	model, serial := text(27, 46), text(10, 19)
	if serial != "" {
		model += "_" + serial
	}
	le := binary.LittleEndian
	const hasName = 0x4100 // word 87: bit 14 says that the word is valid, bit 8 that the disk has a name
	if le.Uint16(identify[2*87:])&0xc100 == hasName {
		wwn = "0x"
		for word := 108; word <= 111; word++ {
			wwn += fmt.Sprintf("%04x", le.Uint16(identify[2*word:]))
		}
	}
	return model, wwn
}

// usb names a USB disk as udev's builtin usb_id does: the strings of SCSI or else of USB, the serial number of USB, and
// the target and unit.
func usb(d *Device) string {
	device := d.ancestor("usb", "idVendor")
	unit := d.ancestor("scsi", "vendor")
	if device == nil || unit == nil {
		return ""
	}
	vendor := first(squeeze(unit.Attr["vendor"]), squeeze(device.Attr["manufacturer"]), device.Attr["idVendor"])
	model := first(squeeze(unit.Attr["model"]), squeeze(device.Attr["product"]), device.Attr["idProduct"])
	name := vendor + "_" + model
	if serial := device.Attr["serial"]; serial != "" && asciiOnly(serial) {
		name += "_" + squeeze(serial)
	}
	if address := strings.Split(unit.Name, ":"); len(address) == 4 {
		name += "-" + address[2] + ":" + address[3]
	}
	return name
}

func asciiOnly(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7f || r == ',' }) < 0
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// ancestor returns the nearest device of a subsystem that has an attribute, or nil.
func (d *Device) ancestor(subsystem, attribute string) *Ancestor {
	for i := range d.Ancestors {
		if a := &d.Ancestors[i]; a.Subsystem == subsystem && a.Attr[attribute] != "" {
			return a
		}
	}
	return nil
}
