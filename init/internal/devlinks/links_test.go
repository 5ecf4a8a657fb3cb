package devlinks

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/volume"
)

// page83 is a device identification page with one designator of the logical unit.
func page83(kind, set byte, value string) string {
	return string([]byte{0, 0x83, 0, byte(4 + len(value)), set, kind, 0, byte(len(value))}) + value
}

func scsiAttr(vendor, model, page string) map[string]string {
	return map[string]string{"device/vendor": vendor, "device/model": model, "device/vpd_pg83": page}
}

func unhex(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var hyperV = []Ancestor{
	{Name: "3:0:0:2", Subsystem: "scsi", Attr: map[string]string{"vendor": "Msft", "model": "Virtual Disk"}},
	{Name: "target3:0:0", Subsystem: "scsi"}, {Name: "host3", Subsystem: "scsi"},
	{Name: "f8b3781b-1e82-4818-a1c3-63d806ec15bb", Subsystem: "vmbus", Attr: map[string]string{"device_id": "{f8b3781b-1e82-4818-a1c3-63d806ec15bb}"}},
	{Name: "VMBUS:00", Subsystem: "acpi"},
}

func TestADiskHasTheNamesThatStorageDriversLookFor(t *testing.T) {
	usbDisk := []Ancestor{
		{Name: "2:0:0:0", Subsystem: "scsi", Attr: map[string]string{"vendor": "QEMU", "model": "QEMU HARDDISK"}},
		{Name: "host2", Subsystem: "scsi"},
		{Name: "1-1:1.0", Subsystem: "usb"},
		{Name: "1-1", Subsystem: "usb", Attr: map[string]string{"idVendor": "46f4", "serial": "1-0000:00:04.0-1", "bDeviceProtocol": "00", "speed": "12"}},
		{Name: "usb1", Subsystem: "usb", Attr: map[string]string{"bDeviceProtocol": "01", "speed": "480"}},
		{Name: "0000:00:04.0", Subsystem: "pci"},
	}
	for name, test := range map[string]struct {
		device Device
		want   []string
	}{
		"Hetzner": {Device{Name: "sdb", Attr: scsiAttr("HC", "Volume", page83(0, 2, "12345678"))}, []string{"by-id/scsi-0HC_Volume_12345678"}},
		"DigitalOcean": {Device{Name: "sda", Attr: scsiAttr("DO", "Volume", page83(0, 2, "pvc-1a"))},
			[]string{"by-id/scsi-0DO_Volume_pvc-1a"}},
		"Google": {Device{Name: "sdb", Attr: scsiAttr("Google", "PersistentDisk", page83(0, 2, "pvc-9"))},
			[]string{"by-id/google-pvc-9", "by-id/scsi-0Google_PersistentDisk_pvc-9"}},
		"Google, NVMe": {Device{Name: "nvme0n2", VendorText: `{"device_name":"data"}`, Attr: map[string]string{}}, []string{"by-id/google-data"}},
		"Amazon": {Device{Name: "nvme1n1", Attr: map[string]string{"wwid": "nvme.1d0f-766f6c30", "nsid": "1",
			"device/model": "Amazon Elastic Block Store", "device/serial": "vol0123456789abcdef0"}},
			[]string{"by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0",
				"by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0_1", "by-id/nvme-nvme.1d0f-766f6c30"}},
		"the second namespace of a controller": {Device{Name: "nvme1n2", Attr: map[string]string{"nsid": "2", "device/model": "M", "device/serial": "S"}},
			[]string{"by-id/nvme-M_S_2"}},
		"OpenStack": {Device{Name: "vdb", Attr: map[string]string{"serial": "8f1c1b4e-5d4c-4c0a-9"}}, []string{"by-id/virtio-8f1c1b4e-5d4c-4c0a-9"}},
		"a SCSI disk with a world wide name": {Device{Name: "sda", Attr: scsiAttr("QEMU", "QEMU HARDDISK", page83(3, 1, unhex("5000c50015ea71ac")))},
			[]string{"by-id/scsi-35000c50015ea71ac", "by-id/wwn-0x5000c50015ea71ac"}},
		"a SCSI disk with a serial number only": {Device{Name: "sda", Attr: map[string]string{"device/vendor": "A", "device/model": "B", "device/vpd_pg80": "\x00\x80\x00\x03S 1"}},
			[]string{"by-id/scsi-SA_B_S_1"}},
		"a USB disk": {Device{Name: "sda", Attr: map[string]string{"hostBase": "2"}, Ancestors: usbDisk},
			[]string{"by-id/usb-QEMU_QEMU_HARDDISK_1-0000:00:04.0-1-0:0", "by-path/pci-0000:00:04.0-usb-0:1:1.0-scsi-0:0:0:0",
				"by-path/pci-0000:00:04.0-usbv2-0:1:1.0-scsi-0:0:0:0"}},
		"a memory card": {Device{Name: "mmcblk0", Attr: map[string]string{"device/name": "SC16G", "device/serial": "0x1"},
			Ancestors: []Ancestor{{Name: "mmc0:aaaa", Subsystem: "mmc"}, {Name: "fe340000.mmc", Subsystem: "platform"}}},
			[]string{"by-id/mmc-SC16G_0x1", "by-path/platform-fe340000.mmc"}},
		"Hyper-V without Azure": {Device{Name: "sdc", Attr: map[string]string{"device/vendor": "Msft"}, Ancestors: azureBus("f8b3781a-1e82-4818-a1c3-63d806ec15bc")},
			[]string{"by-path/acpi-VMBUS:00-vmbus-f8b3781a1e824818a1c363d806ec15bc-lun-2"}},
		"Azure's data disk": {Device{Name: "sdc", Attr: map[string]string{"device/vendor": "Msft"}, Ancestors: azureBus("f8b3781b-1e82-4818-a1c3-63d806ec15bb")},
			[]string{"azure/data/by-lun/2", "azure/scsi1/lun2", "by-path/acpi-VMBUS:00-vmbus-f8b3781b1e824818a1c363d806ec15bb-lun-2"}},
		"Azure's third unit of the system's controller": {Device{Name: "sdd", Attr: map[string]string{"device/vendor": "Msft"}, Ancestors: azureBus("f8b3781a-1e82-4818-a1c3-63d806ec15bb")},
			[]string{"by-path/acpi-VMBUS:00-vmbus-f8b3781a1e824818a1c363d806ec15bb-lun-2"}},
		"Oracle's boot volume": {oracleDisk("sda", "virtio0", "0:0:0:1"), []string{"/oracleoci/oraclevda", "by-path/pci-0000:00:04.0-scsi-0:0:0:1"}},
		"Oracle's volume":      {oracleDisk("sdb", "virtio0", "0:0:2:12"), []string{"/oracleoci/oraclevdl", "by-path/pci-0000:00:04.0-scsi-0:0:2:12"}},
		"another disk with Oracle's unit": {Device{Name: "sdb", Attr: map[string]string{"device/vendor": "QEMU", "device/model": "BlockVolume"}, Ancestors: oracleDisk("sdb", "virtio0", "0:0:0:2").Ancestors},
			[]string{"by-path/pci-0000:00:04.0-scsi-0:0:0:2"}},
		"Azure, NVMe": {Device{Name: "nvme0n3", Attr: map[string]string{"device/model": "MSFT NVMe Accelerator v1.0", "nsid": "3"}},
			[]string{"azure/data/by-lun/1"}},
		"Azure, NVMe of the machine": {Device{Name: "nvme1n1", VendorText: "type=local,index=2,name=nvme-600G-2", Attr: map[string]string{"device/model": "Microsoft NVMe Direct Disk v2", "device/serial": "9a2e", "nsid": "1"}},
			[]string{"azure/local/by-index/2", "azure/local/by-name/nvme-600G-2", "azure/local/by-serial/9a2e", "by-id/nvme-Microsoft_NVMe_Direct_Disk_v2_9a2e", "by-id/nvme-Microsoft_NVMe_Direct_Disk_v2_9a2e_1"}},
		"virtio on PCI": {Device{Name: "vda", Ancestors: []Ancestor{{Name: "virtio1", Subsystem: "virtio"}, {Name: "0000:00:05.0", Subsystem: "pci"}, {Name: "0000:00:01.0", Subsystem: "pci"}}},
			[]string{"by-path/pci-0000:00:05.0", "by-path/virtio-pci-0000:00:05.0"}},
		"iSCSI": {Device{Name: "sda", Attr: map[string]string{"hostBase": "3"}, Ancestors: []Ancestor{{Name: "3:0:0:1", Subsystem: "scsi"}, {Name: "target3:0:0", Subsystem: "scsi"},
			{Name: "session1", Attr: map[string]string{"targetname": "iqn.2026-11.example:a", "persistent_address": "192.0.2.1", "persistent_port": "3260"}}, {Name: "host3", Subsystem: "scsi"}}},
			[]string{"by-path/ip-192.0.2.1:3260-iscsi-iqn.2026-11.example:a-lun-1"}},
		"an ATA disk": {Device{Name: "sda", Ancestors: []Ancestor{{Name: "1:0:0:0", Subsystem: "scsi"}, {Name: "ata2", Attr: map[string]string{"port_no": "2"}}, {Name: "0000:00:1f.2", Subsystem: "pci"}}},
			[]string{"by-path/pci-0000:00:1f.2-ata-2", "by-path/pci-0000:00:1f.2-ata-2.0"}},
	} {
		if got := sorted(claims(&test.device)); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%q, want\n%q", name, got, test.want)
		}
	}
}

func TestTheSystemsDiskOfAzureHasANameOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		id, lun string
		want    []string
	}{
		{"00000000-0000-8899-0000-000000000000", "0", []string{"azure/os", "azure/root"}},
		{"00000000-0001-8899-0000-000000000000", "0", []string{"azure/resource"}},
		{"f8b3781a-1e82-4818-a1c3-63d806ec15bb", "0", []string{"azure/os", "azure/root"}},
		{"f8b3781a-1e82-4818-a1c3-63d806ec15bb", "1", []string{"azure/resource"}},
		{"f8b3781a-1e82-4818-a1c3-63d806ec15bb", "2", nil},
		{"f8b3781a-1e82-4818-a1c3-63d806ec15bb", "3", []string{"azure/scsi0/lun3"}},
		{"f8b3781b-1e82-4818-a1c3-63d806ec15bb", "0", []string{"azure/scsi1/lun0", "azure/data/by-lun/0"}},
		{"f8b3781d-1e82-4818-a1c3-63d806ec15bb", "17", []string{"azure/scsi3/lun17", "azure/data/by-lun/17"}},
		{"f8b3781e-1e82-4818-a1c3-63d806ec15bb", "0", nil},
		{"f8b3781b-1e82-4818-a1c3-63d806ec15bc", "0", nil},
		{"f8b3781-1e82-4818-a1c3-63d806ec15bb", "0", nil},
		{"", "", nil},
	} {
		if got := azureSCSI(test.id, test.lun); !slices.Equal(got, test.want) {
			t.Errorf("%s unit %s: %q, want %q", test.id, test.lun, got, test.want)
		}
	}
}

func oracleDisk(name, bus, unit string) Device {
	return Device{Name: name, Attr: map[string]string{"device/vendor": "ORACLE", "device/model": "BlockVolume"}, Ancestors: []Ancestor{
		{Name: unit, Subsystem: "scsi", Attr: map[string]string{"vendor": "ORACLE", "model": "BlockVolume"}},
		{Name: "host0", Subsystem: "scsi"}, {Name: bus, Subsystem: "virtio"}, {Name: "0000:00:04.0", Subsystem: "pci"},
	}}
}

func TestAVolumeOfOracleHasTheLetterOfItsUnit(t *testing.T) {
	for unit, want := range map[string]string{
		"0:0:0:1": "a", "0:0:0:2": "b", "3:0:0:26": "z", "3:0:0:27": "aa", "0:0:0:33": "ag", "0:0:0:52": "az", "0:0:0:53": "ba", "0:0:0:702": "zz",
		"0:0:0:0": "", "0:0:0:703": "", "0:0:0:-1": "", "host0": "", "": "",
	} {
		disk := oracleDisk("sdb", "virtio0", unit)
		if want != "" {
			want = "oraclevd" + want
		}
		if got := oracle(&disk); got != want {
			t.Errorf("%s: %q, want %q", unit, got, want)
		}
	}
}

func TestAPartitionOfOraclesVolumeHasItsNumberBehindTheLetter(t *testing.T) {
	disk := oracleDisk("sda", "virtio0", "0:0:0:1")
	if got := claims(&Device{Name: "sda15", Number: 15, Parent: &disk}); !slices.Contains(got, "/oracleoci/oraclevda15") {
		t.Errorf("%q", got)
	}
}

func azureBus(id string) []Ancestor {
	bus := slices.Clone(hyperV)
	bus[3].Attr = map[string]string{"device_id": "{" + id + "}"}
	return bus
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func TestAPartitionHasTheNamesOfItsDiskAndItsOwn(t *testing.T) {
	disk := &Device{Name: "vda", Attr: map[string]string{"serial": "S"}}
	part := &Device{Name: "vda2", Number: 2, Parent: disk, PartUUID: "AB12", PartName: "EFI System",
		Content: volume.Content{Kind: "vfat", UUID: "1234-ABCD", Label: "a/b c"}}
	want := []string{"by-id/virtio-S-part2", `by-label/a\x2fb\x20c`, `by-partlabel/EFI\x20System`, "by-partuuid/ab12", "by-uuid/1234-ABCD"}
	if got := sorted(claims(part)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheVersionOfUSBIsThatOfTheRootHub(t *testing.T) {
	for _, test := range []struct{ protocol, speed, want string }{
		{"00", "12", "1"}, {"00", "480", "2"}, {"01", "480", "2"}, {"02", "480", "2"}, {"03", "5000", "3"}, {"", "", ""}, {"ff", "480", ""},
	} {
		if got := usbVersion(map[string]string{"bDeviceProtocol": test.protocol, "speed": test.speed}); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestAHostileTextOfAnAzureDiskCannotLeaveItsFolder(t *testing.T) {
	for _, evil := range []string{"..", ".", "../../../etc/passwd", "a/b", "/", "a\nb", strings.Repeat("x", 300), "\xff", "\x1b[2J"} {
		for _, link := range claims(&Device{Name: "nvme0n1", VendorText: "index=" + evil + ",name=" + evil + ",type=" + evil + ",=,=" + evil,
			Attr: map[string]string{"device/model": azureDirectDisk}}) {
			below, ok := strings.CutPrefix(link, "azure/local/by-")
			_, base, _ := strings.Cut(below, "/")
			if !ok || base == "" || base == "." || base == ".." || strings.ContainsAny(base, "/\n\x1b") || len(base) > 255 {
				t.Errorf("%q gives %q", evil, link)
			}
		}
	}
}

func TestAHostileDiskCannotLeaveItsFolder(t *testing.T) {
	for _, evil := range []string{"..", ".", "../../../etc/passwd", "a\nb", "a\x00b", "/", strings.Repeat("x", 300), "\xff\xfe", "\x1b[2J"} {
		device := &Device{Name: "sda", Attr: map[string]string{"device/vendor": evil, "device/model": evil, "serial": evil, "device/vpd_pg80": "\x00\x80\x00\xff" + evil,
			"device/vpd_pg83": page83(0, 2, evil[:min(len(evil), 200)]), "device/vpd_pg89": evil},
			PartUUID: evil, PartName: evil, Content: volume.Content{UUID: evil, Label: evil}, VendorText: evil}
		for _, name := range []string{"sda", "vda", "nvme0n1", "mmcblk0", "dm-0"} {
			device.Name = name
			device.Attr["device/serial"], device.Attr["device/name"], device.Attr["wwid"], device.Attr["dm/name"] = evil, evil, evil, evil
			for _, link := range claims(device) {
				folder, base, _ := strings.Cut(link, "/")
				if !slices.Contains(folders, folder) || base == ".." || base == "." || strings.ContainsAny(base, "/\n\x00\x1b") || len(base) > 255 {
					t.Errorf("%q gives %q", evil, link)
				}
			}
		}
	}
}

func FuzzVitalProductData(f *testing.F) {
	f.Add("HC", page83(0, 2, "1"), "")
	f.Add("ATA", page83(3, 1, "12345678"), strings.Repeat("x", 572))
	f.Fuzz(func(t *testing.T, vendor, page, information string) {
		for _, name := range claims(&Device{Name: "sda", Attr: map[string]string{"device/vendor": vendor, "device/vpd_pg83": page, "device/vpd_pg80": page, "device/vpd_pg89": information}}) {
			if !strings.HasPrefix(name, "by-id/") || strings.Count(name, "/") != 1 {
				t.Errorf("%q", name)
			}
		}
	})
}

func TestALinkStaysWithItsOwnerAndGoesOverWhenThatIsGone(t *testing.T) {
	first := &Device{Name: "sdb", Seq: 1, Content: volume.Content{UUID: "u"}}
	second := &Device{Name: "sda", Seq: 2, Content: volume.Content{UUID: "u"}}
	links := Links([]*Device{second}, nil)
	if got := links["by-uuid/u"]; got != "sda" {
		t.Fatalf("alone: %q", got)
	}
	if got := Links([]*Device{first, second}, links)["by-uuid/u"]; got != "sda" {
		t.Errorf("the copy %q took the link", got)
	}
	if got := Links([]*Device{first}, links)["by-uuid/u"]; got != "sdb" {
		t.Errorf("after the owner has gone: %q", got)
	}
	if got := Links([]*Device{second, first}, nil)["by-uuid/u"]; got != "sdb" {
		t.Errorf("without an owner: %q, want the disk that came first", got)
	}
	multipath := &Device{Name: "dm-0", Seq: 9, Attr: map[string]string{"dm/uuid": "mpath-1"}, Content: volume.Content{UUID: "u"}}
	if got := Links([]*Device{first, second, multipath}, links)["by-uuid/u"]; got != "dm-0" {
		t.Errorf("a path of a multipath device has the link: %q", got)
	}
}

func TestALinkNeverStandsInThePlaceOfAFolder(t *testing.T) {
	links := map[string]string{"azure/a": "sda", "azure/a/b": "sdb", "by-id/x": "sdc"}
	dropFolders(links)
	if got := sorted(slices.Collect(maps.Keys(links))); !slices.Equal(got, []string{"azure/a/b", "by-id/x"}) {
		t.Errorf("%q", got)
	}
}

func TestTheNameOfAGoogleDiskIsInTheVendorsPartOfItsNamespace(t *testing.T) {
	data := make([]byte, 4096)
	copy(data[384:], `{"device_name":"pvc-1","disk_type":"PERSISTENT"}`)
	if got := googleName(vendorText(data)); got != "pvc-1" {
		t.Errorf("%q", got)
	}
	for _, bad := range [][]byte{nil, make([]byte, 4096), append(make([]byte, 384), "{"...)} {
		if got := googleName(vendorText(bad)); got != "" {
			t.Errorf("%q", got)
		}
	}
}
