package devlinks

import (
	"bytes"
	"encoding/json"
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

// googleVendorData is where Google's NVMe disks have their name in the data of the namespace (google_nvme_id).
const googleVendorData = 384

// GoogleNVMeName reads the name of a persistent disk in a namespace's identify data; the vendor's part is JSON.
func GoogleNVMeName(identify []byte) string {
	if len(identify) < googleVendorData {
		return ""
	}
	text, _, _ := bytes.Cut(identify[googleVendorData:], []byte{0})
	var data struct {
		Name string `json:"device_name"`
	}
	if json.Unmarshal(bytes.TrimSpace(text), &data) != nil {
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
	id := strings.Trim(bus.Attr["device_id"], "{}")
	lun := ""
	if unit := d.ancestor("scsi", "vendor"); unit != nil {
		lun = unit.Name[strings.LastIndexByte(unit.Name, ':')+1:]
	}
	return azureSCSI(id, lun)
}

// azureSCSI names a disk by its controller. Machines of the first generation have the system's and the temporary disk
// on controllers of their own, later ones as the first two units of the first.
func azureSCSI(id, lun string) []string {
	own := map[string]string{"00000000-0000": "azure/root", "00000000-0001": "azure/resource"}
	if name, found := own[id[:min(len(id), 13)]]; found {
		return []string{name}
	}
	last, found := strings.CutPrefix(id, "f8b3781a-1e82-4818-a1c3-63d806ec15b")
	controller := strings.Index("bcdef", last)
	if !found || len(last) != 1 || controller < 0 {
		return nil
	}
	names := []string{"azure/scsi" + strconv.Itoa(controller) + "/lun" + lun}
	units := map[string]string{"0": "azure/root", "1": "azure/resource"}
	if name := units[lun]; controller == 0 && name != "" {
		names = append(names, name)
	}
	return names
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
	case strings.HasPrefix(model, "Microsoft NVMe Direct Disk"):
		return []string{"azure/local/by-serial/" + replace(d.Attr["device/serial"])}
	}
	return nil
}
