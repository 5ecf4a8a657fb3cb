package blockdev

import (
	"os"
	"path/filepath"
	"strings"
)

// Hotplug reports whether the machine has a bus on which disks appear some time after its driver was loaded: USB or
// memory cards. coming means that the kernel has seen a USB disk and not made it a block device yet.
func Hotplug() (present, coming bool) { return hotplug("/sys") }

func hotplug(sys string) (present, coming bool) {
	for _, hosts := range []string{"bus/usb/devices/usb*", "class/mmc_host/*"} {
		found, _ := filepath.Glob(filepath.Join(sys, hosts))
		present = present || len(found) > 0
	}
	const massStorage = "08" // the USB class
	classes, _ := filepath.Glob(filepath.Join(sys, "bus/usb/devices/*:*/bInterfaceClass"))
	for _, file := range classes {
		class, _ := os.ReadFile(file)
		if strings.TrimSpace(string(class)) != massStorage {
			continue
		}
		if disks, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "host*/target*/*/block/*")); len(disks) == 0 {
			coming = true
		}
	}
	return present, coming
}
