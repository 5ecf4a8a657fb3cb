package seed

import (
	"slices"
	"testing"
	"time"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
	"kios.dev/init/internal/volume"
)

func TestOfDistinguishesSeedsFromOtherVolumes(t *testing.T) {
	for _, row := range []struct {
		name    string
		volume  volume.Volume
		chassis string
		want    Seed
	}{
		{"NoCloud", volume.Volume{FS: "vfat", Label: "CIDATA"}, "", Seed{Folder: "cidata", FS: "vfat"}},
		{"ConfigDrive", volume.Volume{FS: "iso9660", Label: "config-2"}, "", Seed{Folder: "config-2", FS: "iso9660"}},
		{"NoCloud on a disc with both", volume.Volume{FS: "iso9660", Label: "cidata", UDF: true}, azureTag, Seed{Folder: "cidata", FS: "iso9660"}},
		{"a disk with the label of a seed", volume.Volume{FS: "ext4", Label: "cidata"}, "", Seed{}},
		{"another disk", volume.Volume{FS: "vfat", Label: "EFI"}, azureTag, Seed{}},
		{"Azure", volume.Volume{FS: "udf", UDF: true}, azureTag, Seed{"azure", "udf", "ovf-env.xml"}},
		{"Azure on a disc with both", volume.Volume{FS: "iso9660", Label: "rd_rdfe", UDF: true}, azureTag, Seed{"azure", "udf", "ovf-env.xml"}},
		{"UDF on another machine", volume.Volume{FS: "udf", UDF: true}, "No Asset Tag", Seed{}},
	} {
		if got := Of(row.volume, row.chassis); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestAJoinedNodeTakesSeedsOnlyFromItsOwnDisk(t *testing.T) {
	part, disk := blockdev.Device{Name: "vda3", Disk: "vda"}, blockdev.Device{Name: "vda"}
	volume, stick := blockdev.Device{Name: "sda"}, blockdev.Device{Name: "sda1", Disk: "sda"}
	for _, c := range []struct {
		name   string
		from   From
		device blockdev.Device
		taken  bool
	}{
		{"not joined: a volume", From{Disk: "vda"}, volume, true},
		{"joined: a pod's volume", From{Disk: "vda", OnlyDisk: true}, volume, false},
		{"joined: a partition of a stick", From{Disk: "vda", OnlyDisk: true}, stick, false},
		{"joined: a partition of the disk booted from", From{Disk: "vda", OnlyDisk: true}, part, true},
		{"joined: the disk booted from", From{Disk: "vda", OnlyDisk: true}, disk, true},
		{"joined, and no disk is the machine's own", From{OnlyDisk: true}, volume, false},
		{"joined, and no disk is the machine's own: a partition", From{OnlyDisk: true}, stick, false},
	} {
		if cause := c.from.refuse(c.device); (cause == "") != c.taken {
			t.Errorf("%s: %q", c.name, cause)
		}
	}
}

// events keeps the names of warnings.
type events struct{ warned []string }

func (e *events) Info(string, ...any)              {}
func (e *events) Warn(event string, fields ...any) { e.warned = append(e.warned, event) }

func TestTheKiosFolderIsThatOfThePartitionBootedFrom(t *testing.T) {
	with := func(devices ...string) func() []blockdev.Disk {
		return func() (disks []blockdev.Disk) {
			for _, device := range devices {
				part := blockdev.Part{Partition: gpt.Partition{GUID: "0000-b1"}, Device: device}
				disks = append(disks, blockdev.Disk{Name: device, Parts: []blockdev.Part{part}})
			}
			return disks
		}
	}
	for _, c := range []struct {
		name   string
		from   From
		disks  func() []blockdev.Disk
		device string
		warned int
	}{
		{"remembered, although another carries its GUID now", From{BootPart: "0000-b1", Boot: "/dev/vda1"}, with("/dev/sda1"), "/dev/vda1", 0},
		{"it appeared later than the data partition", From{BootPart: "0000-B1"}, with("/dev/sda1"), "/dev/sda1", 0},
		{"two that cannot be told apart", From{BootPart: "0000-b1"}, with("/dev/sda1", "/dev/vda1"), "", 1},
		{"it never appeared", From{BootPart: "0000-b2"}, with("/dev/sda1"), "", 0},
		{"the firmware names none", From{}, with("/dev/sda1"), "", 0},
	} {
		var log events
		if device := c.from.bootDevice(c.disks, &log); device != c.device || len(log.warned) != c.warned {
			t.Errorf("%s: %q, warned %v", c.name, device, log.warned)
		}
	}
}

// A dead disk kept the network file of the medium from the DHCP agent, and the bootstrap document from its own.
func TestADiskThatDoesNotReplyHoldsUpNoOther(t *testing.T) {
	devices := []blockdev.Device{{Name: "sda"}, {Name: "sda1", Disk: "sda"}, {Name: "sr0"}, {Name: "vda"}, {Name: "vda1", Disk: "vda"}}
	replies, over := make(chan struct{}), make(chan time.Time, 1)
	read := make(chan string, len(devices))
	identify := func(path string) volume.Volume {
		if path == "/dev/sda" {
			<-replies
		} else if path != "/dev/sda1" {
			defer func() { read <- path }()
		}
		return volume.Volume{Label: path}
	}
	go func() {
		for range 3 {
			<-read
		}
		time.Sleep(100 * time.Millisecond) // the last of them is on its way
		over <- time.Time{}
	}()
	names := func(found []identified) (names []string) {
		for _, each := range found {
			if each.volume.Label != "/dev/"+each.device.Name {
				t.Errorf("%+v", each)
			}
			names = append(names, each.device.Name)
		}
		return names
	}
	found, late := identifyAll(devices, identify, over)
	if got := names(found); !slices.Equal(got, []string{"sr0", "vda", "vda1"}) || late.disks != 1 {
		t.Errorf("%v, %d late", got, late.disks)
	}
	close(replies)
	if got := names(<-late.replies); !slices.Equal(got, []string{"sda", "sda1"}) {
		t.Errorf("late: %v", got)
	}
	if found, late := identifyAll(devices, func(string) volume.Volume { return volume.Volume{} }, nil); len(found) != len(devices) || found[0].device.Name != "sda" || late.disks != 0 {
		t.Errorf("%v %v", found, late)
	}
}
