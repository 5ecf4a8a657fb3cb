package datapart

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
)

func part(device, kind, guid, name string) blockdev.Part {
	return blockdev.Part{Partition: gpt.Partition{Type: kind, GUID: guid, Name: name}, Device: device}
}

const (
	esp       = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	buildESP  = "03798f5e-874f-81f4-bfb8-f2593aad68d8"
	buildData = "5a938783-2397-8007-a4c4-4355568bc30b"
	buildDisk = "1352d4e9-a3c1-8396-91fe-67d5761cf356"
)

// disk returns a disk with an EFI system partition and a data partition whose GUIDs end in its tag.
func disk(name, tag string) blockdev.Disk {
	return blockdev.Disk{Name: name, GUID: "0000-" + tag, Parts: []blockdev.Part{
		part("/dev/"+name+"1", esp, "0000-"+tag+"1", "kios-esp"), part("/dev/"+name+"2", gpt.KiOS, "0000-"+tag+"2", "kios-data"),
	}}
}

// flashed returns a disk as the build makes it.
func flashed(name string) blockdev.Disk {
	return blockdev.Disk{Name: name, GUID: buildDisk, Parts: []blockdev.Part{
		part("/dev/"+name+"1", esp, buildESP, "kios-esp"), part("/dev/"+name+"2", gpt.KiOS, buildData, "kios-data"),
	}}
}

var (
	boot  = disk("sdb", "b")
	other = blockdev.Disk{Name: "sda", GUID: "0000-a", Parts: []blockdev.Part{part("/dev/sda1", gpt.KiOS, "0000-a1", "old data")}}
	bare  = blockdev.Disk{Name: "sdc"}
	stick = blockdev.Disk{Name: "sdd", GUID: "0000-d", Parts: []blockdev.Part{part("/dev/sdd1", esp, "0000-d1", "kios-esp")}}
	// sameDisk has GUIDs of its own for its partitions, but not for itself.
	sameDisk = blockdev.Disk{Name: "sda", GUID: "0000-b", Parts: []blockdev.Part{part("/dev/sda1", gpt.KiOS, "0000-x2", "kios-data")}}
	double   = blockdev.Disk{Name: "sde", GUID: "0000-e", Parts: []blockdev.Part{
		part("/dev/sde1", esp, "0000-e1", ""), part("/dev/sde2", gpt.KiOS, "0000-e2", "first"), part("/dev/sde3", gpt.KiOS, "0000-e3", "second"),
	}}
)

func disks(all ...blockdev.Disk) []blockdev.Disk { return all }

func TestChoose(t *testing.T) {
	all := disks(other, boot, bare)
	fromB := Want{BootPart: "0000-B1"}
	fresh := Want{BootPart: buildESP}
	for _, c := range []struct {
		name  string
		disks []blockdev.Disk
		want  Want
		stage Stage
		// choice is "device of the data partition, device booted from" or "twins: a b".
		choice string
		wait   bool
	}{
		{"the disk booted from, and no other", all, fromB, Settled, "/dev/sdb2 /dev/sdb1", false},
		{"it is present while drivers load", all, fromB, Loading, "/dev/sdb2 /dev/sdb1", false},
		{"it is not present yet", disks(other), fromB, Quiet, " ", true},
		{"it never appeared: no other is used", disks(other), fromB, Final, " ", false},
		{"it has no data partition: no other is used", disks(other, stick), Want{BootPart: "0000-d1"}, Settled, " /dev/sdd1", false},
		{"it has none while drivers load", disks(other, stick), Want{BootPart: "0000-d1"}, Loading, " /dev/sdd1", false},
		{"it has two: the first", disks(double), Want{BootPart: "0000-e1"}, Settled, "/dev/sde2 /dev/sde1", false},
		{"a twin before it", disks(disk("sda", "b"), boot), fromB, Loading, "twins: /dev/sda1 /dev/sdb1", false},
		{"a twin after it", disks(boot, disk("sdc", "b")), fromB, Final, "twins: /dev/sdb1 /dev/sdc1", false},
		{"a disk with the same disk GUID", disks(sameDisk, boot), fromB, Settled, "twins: /dev/sda /dev/sdb", false},

		{"a fresh disk while drivers load: a twin may appear", disks(flashed("vda")), fresh, Loading, "/dev/vda2 /dev/vda1", true},
		{"a fresh disk while a bus may bring a twin", disks(flashed("vda")), fresh, Settled, "/dev/vda2 /dev/vda1", true},
		{"a fresh disk when nothing more comes", disks(flashed("vda")), fresh, Quiet, "/dev/vda2 /dev/vda1", false},
		{"a fresh disk at the deadline", disks(flashed("vda")), fresh, Final, "/dev/vda2 /dev/vda1", false},
		{"two fresh disks", disks(flashed("sda"), flashed("vda")), fresh, Loading, "twins: /dev/sda1 /dev/vda1", false},
		{"a fresh stick beside a disk that is not", disks(flashed("sda"), boot), fromB, Loading, "/dev/sdb2 /dev/sdb1", false},
		{"only the disk is fresh", disks(blockdev.Disk{Name: "sdb", GUID: buildDisk, Parts: boot.Parts}), fromB, Settled, "/dev/sdb2 /dev/sdb1", true},

		{"no disk and none expected", nil, Want{}, Settled, " ", false},
		{"nothing is known while drivers load", nil, Want{}, Loading, " ", true},
		{"the only partition of the type while drivers load", disks(boot, bare), Want{}, Loading, "/dev/sdb2 ", true},
		{"the only partition of the type", disks(boot, bare), Want{}, Settled, "/dev/sdb2 ", false},
		{"the only partition of the type, on a fresh disk", disks(flashed("vda")), Want{}, Settled, "/dev/vda2 ", true},
		{"the same when nothing more comes", disks(flashed("vda")), Want{}, Quiet, "/dev/vda2 ", false},
		{"two partitions of the type", all, Want{}, Loading, "twins: /dev/sda1 /dev/sdb2", false},
		{"two on one disk: the first", disks(double), Want{}, Settled, "/dev/sde2 ", false},

		{"by uuid, any case", all, Want{Spec: "PARTUUID=0000-B2"}, Loading, "/dev/sdb2 ", false},
		{"by a uuid that two have", disks(boot, disk("sdc", "b")), Want{Spec: "PARTUUID=0000-b2"}, Final, "twins: /dev/sdb2 /dev/sdc2", false},
		{"by the build's uuid: a twin may appear", disks(flashed("vda")), Want{Spec: "PARTUUID=" + strings.ToUpper(buildData)}, Settled, "/dev/vda2 ", true},
		{"by label", all, Want{Spec: "PARTLABEL=old data"}, Settled, "/dev/sda1 ", false},
		{"by label while drivers load", all, Want{Spec: "PARTLABEL=old data"}, Loading, "/dev/sda1 ", true},
		{"by a label that two have", disks(boot, flashed("vda")), Want{Spec: "PARTLABEL=kios-data"}, Settled, "twins: /dev/sdb2 /dev/vda2", false},
		{"labels keep their case", all, Want{Spec: "PARTLABEL=OLD DATA"}, Final, " ", false},
		{"by partition node", disks(boot, flashed("vda"), flashed("vdb")), Want{Spec: "/dev/vda2"}, Loading, "/dev/vda2 ", false},
		{"by disk node", all, Want{Spec: "/dev/sdc"}, Settled, "/dev/sdc ", false},
		{"the command line beats the disk booted from", all, Want{Spec: "/dev/sda1", BootPart: "0000-b1"}, Settled, "/dev/sda1 /dev/sdb1", false},
		{"the command line, booted from a fresh disk: a twin may appear", disks(other, flashed("vda")), Want{Spec: "/dev/sda1", BootPart: buildESP}, Settled, "/dev/sda1 /dev/vda1", true},
		{"the same when nothing more comes", disks(other, flashed("vda")), Want{Spec: "/dev/sda1", BootPart: buildESP}, Quiet, "/dev/sda1 /dev/vda1", false},
		{"the command line names one of two that may have been booted", disks(flashed("vda"), flashed("vdb")), Want{Spec: "/dev/vda2", BootPart: buildESP}, Loading, "/dev/vda2 ", false},
		{"a named partition is not present yet", all, Want{Spec: "/dev/sdx1"}, Quiet, " ", true},
		{"a named partition never appeared: no other is used", all, Want{Spec: "/dev/sdx1", BootPart: "0000-b1"}, Final, " /dev/sdb1", false},
		{"unknown tag", all, Want{Spec: "UUID=0000-b2"}, Final, " ", false},
	} {
		choice, wait := Choose(c.disks, c.want, c.stage)
		text := choice.Device + " " + choice.Boot
		if choice.Twins != nil {
			text = "twins: " + strings.Join(choice.Twins, " ")
			if choice.Device != "" || choice.Boot != "" {
				t.Errorf("%s: something is chosen: %+v", c.name, choice)
			}
		}
		if text != c.choice || wait != c.wait {
			t.Errorf("%s: %q %v, want %q %v", c.name, text, wait, c.choice, c.wait)
		}
		medium := choice.Boot
		if medium == "" {
			medium = choice.Device
		}
		if strings.HasPrefix(c.name, "the command line names one of two") {
			medium = "" // with another GUID for it, the other would look like the one booted from
		}
		if name := choice.Medium.Name; (name == "") != (medium == "") || !strings.HasPrefix(medium, "/dev/"+name) && name != "" {
			t.Errorf("%s: %q is not on the medium %q", c.name, medium, name)
		}
	}
}

func TestTheOrderOfDisksDoesNotMatter(t *testing.T) {
	all := disks(disk("sda", "b"), boot, other, flashed("vda"), flashed("vdb"), stick)
	for _, want := range []Want{{}, {BootPart: "0000-b1"}, {BootPart: buildESP}, {BootPart: "0000-d1"}, {Spec: "PARTLABEL=kios-data"}, {Spec: "PARTLABEL=old data"}} {
		forward, _ := Choose(all, want, Final)
		backward := slices.Clone(all)
		slices.Reverse(backward)
		reverse, _ := Choose(backward, want, Final)
		slices.Sort(forward.Twins)
		slices.Sort(reverse.Twins)
		if !reflect.DeepEqual(forward, reverse) {
			t.Errorf("%+v: %+v or %+v", want, forward, reverse)
		}
	}
}

func TestALoaderMayWriteItsPartInCapitals(t *testing.T) {
	if got := asGUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"); got != esp {
		t.Errorf("%q", got)
	}
	for _, short := range []string{"", "C12A7328", esp[:35]} {
		if got := asGUID(short); got != "" {
			t.Errorf("%q: %q", short, got)
		}
	}
}
