package blockdev

import "testing"

func TestTheBusOfADiskIsInItsPath(t *testing.T) {
	for path, want := range map[string]Bus{
		"/sys/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/mmcblk0p2":                                            Card,
		"/sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb2/2-1/2-1:1.0/host0/target0:0:0/0:0:0:0/block/sda/sda2": USB,
		"/sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/nvme/nvme0/nvme0n1":                                        NVMe,
		"/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda":                                                                                 "",
		"": "",
	} {
		if got := busOf(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
