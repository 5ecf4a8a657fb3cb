package devlinks

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// google names a persistent disk on virtio-scsi (65-gce-disk-naming.rules of Google's guest configuration).
func google(d *Device) []string {
	if d.Attr["device/vendor"] != "Google" {
		return nil
	}
	return named("google-", squeeze(scsi(d).short))
}

// vendorData is where the part of a namespace's identify data begins that belongs to the vendor (NVM command set
// specification, Identify Namespace).
const vendorData = 384

// vendorText returns the text in that part, up to its first zero.
func vendorText(identify []byte) string {
	if len(identify) < vendorData {
		return ""
	}
	text, _, _ := bytes.Cut(identify[vendorData:], []byte{0})
	return string(bytes.TrimSpace(text))
}

// The models of clouds whose namespaces have a text of their vendor.
const (
	googleDisk      = "nvme_card-pd"
	azureDirectDisk = "Microsoft NVMe Direct Disk"
)

func hasVendorText(d *Device) bool {
	model := d.Attr["device/model"]
	return strings.HasPrefix(model, googleDisk) || strings.HasPrefix(model, azureDirectDisk)
}

// googleName reads the name of a persistent disk in the vendor's text, which is JSON (google_nvme_id).
func googleName(text string) string {
	var data struct {
		Name string `json:"device_name"`
	}
	if json.Unmarshal([]byte(text), &data) != nil {
		return ""
	}
	return data.Name
}

// azure returns names below /dev/disk (66-azure-storage.rules of Azure's agent, 80-azure-disk.rules of azure-vm-utils).
func azure(d *Device) []string {
	if strings.HasPrefix(d.Name, "nvme") {
		return azureNVMe(d)
	}
	bus := d.ancestor("vmbus", "device_id")
	if bus == nil || d.Attr["device/vendor"] != "Msft" {
		return nil
	}
	return azureSCSI(strings.Trim(bus.Attr["device_id"], "{}"), unitNumber(d))
}

// unitNumber returns the number of a SCSI disk's logical unit, or "".
func unitNumber(d *Device) string {
	unit := d.ancestor("scsi", "vendor")
	if unit == nil {
		return ""
	}
	return unit.Name[strings.LastIndexByte(unit.Name, ':')+1:]
}

// azureControllers are the SCSI controllers of every machine of Azure, in the order of their numbers.
var azureControllers = []string{
	"f8b3781a-1e82-4818-a1c3-63d806ec15bb", "f8b3781b-1e82-4818-a1c3-63d806ec15bb",
	"f8b3781c-1e82-4818-a1c3-63d806ec15bb", "f8b3781d-1e82-4818-a1c3-63d806ec15bb",
}

// azureSCSI names a disk by its controller. Machines of the first generation have the system's and the temporary disk
// on controllers of their own, later ones as the first two units of the first, whose third is no disk.
func azureSCSI(id, lun string) []string {
	system, temporary := []string{"azure/os", "azure/root"}, []string{"azure/resource"}
	switch id[:min(len(id), 13)] {
	case "00000000-0000":
		return system
	case "00000000-0001":
		return temporary
	}
	controller := slices.Index(azureControllers, id)
	if controller < 0 {
		return nil
	}
	name := "azure/scsi" + strconv.Itoa(controller) + "/lun" + lun
	switch {
	case controller > 0:
		return []string{name, "azure/data/by-lun/" + lun}
	case lun == "0":
		return system
	case lun == "1":
		return temporary
	case lun == "2":
		return nil
	}
	return []string{name}
}

// azureNVMe names the disks of a remote controller by number: the first namespace is the system's, the second is the
// data disk of LUN 0.
func azureNVMe(d *Device) []string {
	nsid, err := strconv.Atoi(d.Attr["nsid"])
	if err != nil {
		return nil
	}
	switch model := d.Attr["device/model"]; {
	case model == "MSFT NVMe Accelerator v1.0" && nsid == 1:
		return []string{"azure/os", "azure/root"}
	case model == "MSFT NVMe Accelerator v1.0" && nsid > 1:
		return []string{"azure/data/by-lun/" + strconv.Itoa(nsid-2)}
	case strings.HasPrefix(model, azureDirectDisk):
		return azureLocal(d)
	}
	return nil
}

// azureLocal names a disk of the machine itself, whose text is `type=local,index=2,name=nvme-600G-2` (azure-nvme-id).
func azureLocal(d *Device) []string {
	names := named("azure/local/by-serial/", replace(d.Attr["device/serial"]))
	for pair := range strings.SplitSeq(d.VendorText, ",") {
		switch key, value, _ := strings.Cut(pair, "="); key {
		case "index", "name":
			names = append(names, named("azure/local/by-"+key+"/", replace(value))...)
		}
	}
	return names
}

// maxOracleUnit is the last unit that has a name, oraclevdzz.
const maxOracleUnit = 26 + 26*26

// oracle names a volume below /dev/oracleoci by its unit, which Oracle chooses by the device path of the attachment: a
// is the first, the boot volume (99-systemoci-persistent-names.rules). Volumes are attached by virtio or iSCSI.
func oracle(d *Device) string {
	if d.Attr["device/vendor"] != "ORACLE" || d.Attr["device/model"] != "BlockVolume" {
		return ""
	}
	unit, err := strconv.Atoi(unitNumber(d))
	if err != nil || unit < 1 || unit > maxOracleUnit {
		return ""
	}
	name := "oraclevd"
	if unit > 26 {
		name += string(rune('a' + (unit-1)/26 - 1))
	}
	return name + string(rune('a'+(unit-1)%26))
}
