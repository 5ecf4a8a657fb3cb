package blockdev

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHotplugSeesABusAndAStickBeforeItIsADisk(t *testing.T) {
	sys := t.TempDir()
	check := func(name string, present, coming bool) {
		t.Helper()
		if p, c := hotplug(sys); p != present || c != coming {
			t.Errorf("%s: %v %v", name, p, c)
		}
	}
	class := func(device, class string) {
		dir := filepath.Join(sys, "bus/usb/devices", device)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "bInterfaceClass"), []byte(class+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check("a machine without such a bus", false, false)
	os.MkdirAll(filepath.Join(sys, "bus/usb/devices/usb1"), 0o755)
	class("1-1:1.0", "03")
	check("a keyboard", true, false)
	class("1-2:1.0", "08")
	check("a stick that is not a disk yet", true, true)
	os.MkdirAll(filepath.Join(sys, "bus/usb/devices/1-2:1.0/host2/target2:0:0/2:0:0:0/block/sda"), 0o755)
	check("a stick that is one", true, false)
	os.RemoveAll(filepath.Join(sys, "bus"))
	os.MkdirAll(filepath.Join(sys, "class/mmc_host/mmc0"), 0o755)
	check("a slot for memory cards", true, false)
}
