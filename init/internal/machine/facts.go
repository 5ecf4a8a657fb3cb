// Package machine derives a name and an id from what a machine says of itself, so that both are the same at each boot,
// also without a disk, and differ between machines.
package machine

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Facts holds what the firmware and the hardware say of themselves, as read: some values are worthless.
type Facts struct {
	// ProductUUID, ProductSerial and BoardSerial are SMBIOS's (types 1 and 2). The chassis's serial number does not
	// count, because all blades of a chassis share it.
	ProductUUID, ProductSerial, BoardSerial string
	// TreeSerial is the property serial-number of the device tree's root.
	TreeSerial string
	// MACs are the permanent addresses of the network cards whose drivers are loaded.
	MACs []string
}

// factLimit is the number of bytes read at most from a fact.
const factLimit = 256

// Read reads the facts of the machine whose sysfs is at sys. A fact that cannot be read is empty.
func Read(sys string) Facts {
	dmi := filepath.Join(sys, "class/dmi/id")
	return Facts{
		ProductUUID: read(dmi, "product_uuid"), ProductSerial: read(dmi, "product_serial"), BoardSerial: read(dmi, "board_serial"),
		TreeSerial: read(filepath.Join(sys, "firmware/devicetree/base"), "serial-number"),
		MACs:       macs(filepath.Join(sys, "class/net")),
	}
}

// macs skips what is no card (it has no device) and addresses that the kernel made up (addr_assign_type).
func macs(class string) []string {
	links, _ := os.ReadDir(class)
	var found []string
	for _, link := range links {
		dir := filepath.Join(class, link.Name())
		if _, err := os.Stat(filepath.Join(dir, "device")); err != nil || read(dir, "type") != "1" || read(dir, "addr_assign_type") != "0" {
			continue
		}
		if mac := read(dir, "address"); len(mac) == len("00:00:00:00:00:00") {
			found = append(found, mac)
		}
	}
	return found
}

// read ends a value at its first zero byte, as the device tree does.
func read(dir, name string) string {
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, factLimit))
	text, _, _ = bytes.Cut(text, []byte{0})
	return strings.TrimSpace(string(text))
}
