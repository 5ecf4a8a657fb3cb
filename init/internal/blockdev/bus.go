package blockdev

import (
	"os"
	"path/filepath"
	"strings"
)

// Bus is what connects a disk with the machine, as far as firmware tells media apart by it; "" for any other.
type Bus string

// The buses from which a Raspberry Pi starts.
const (
	Card Bus = "card" // a memory card, or eMMC, which is one that is soldered on
	USB  Bus = "usb"
	NVMe Bus = "nvme"
)

// BusOf returns the bus of a disk or a partition by its device node, and of a mapped device that of the only one below.
func BusOf(device string) Bus {
	name := strings.ReplaceAll(strings.TrimPrefix(device, "/dev/"), "/", "!")
	if below, _ := os.ReadDir(filepath.Join(sysBlock, name, "slaves")); len(below) == 1 {
		name = below[0].Name()
	}
	real, _ := filepath.EvalSymlinks(filepath.Join(sysBlock, name))
	return busOf(real)
}

// busOf finds the bus in a device's path below /sys. A USB card reader is USB, whatever is in it.
func busOf(path string) Bus {
	for _, folder := range strings.Split(path, "/") {
		switch {
		case folder == "mmc_host":
			return Card
		case strings.HasPrefix(folder, "usb"):
			return USB
		case folder == "nvme":
			return NVMe
		}
	}
	return ""
}
