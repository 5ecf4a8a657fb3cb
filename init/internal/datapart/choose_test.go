package datapart

import (
	"testing"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
)

func part(device, kind, guid, name string) blockdev.Part {
	return blockdev.Part{Partition: gpt.Partition{Type: kind, GUID: guid, Name: name}, Device: device}
}

const esp = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

var (
	boot  = blockdev.Disk{Name: "sdb", Parts: []blockdev.Part{part("/dev/sdb1", esp, "0000-b1", "kios-esp"), part("/dev/sdb2", gpt.KiOS, "0000-b2", "kios-data")}}
	other = blockdev.Disk{Name: "sda", Parts: []blockdev.Part{part("/dev/sda1", gpt.KiOS, "0000-a1", "old data")}}
	bare  = blockdev.Disk{Name: "sdc"}
	stick = blockdev.Disk{Name: "sdd", Parts: []blockdev.Part{part("/dev/sdd1", esp, "0000-d1", "kios-esp")}}
)

func TestChoose(t *testing.T) {
	all := []blockdev.Disk{other, boot, bare}
	for _, c := range []struct {
		name   string
		disks  []blockdev.Disk
		want   Want
		stage  Stage
		device string
		wait   bool
	}{
		{"no disk and none expected", nil, Want{}, Settled, "", false},
		{"the first partition of the type", all, Want{}, Settled, "/dev/sda1", false},
		{"the boot disk before any other", all, Want{BootPart: "0000-B1"}, Settled, "/dev/sdb2", false},
		{"the boot disk is not present yet", []blockdev.Disk{other}, Want{BootPart: "0000-b1"}, Settled, "", true},
		{"the boot disk never appeared", []blockdev.Disk{other}, Want{BootPart: "0000-b1"}, Final, "/dev/sda1", false},
		{"the boot disk has no data partition", []blockdev.Disk{other, stick}, Want{BootPart: "0000-d1"}, Settled, "/dev/sda1", false},
		{"no disk has a data partition", []blockdev.Disk{stick, bare}, Want{BootPart: "0000-d1"}, Settled, "", false},
		{"by uuid, any case", all, Want{Spec: "PARTUUID=0000-B2"}, Settled, "/dev/sdb2", false},
		{"by label", all, Want{Spec: "PARTLABEL=old data"}, Settled, "/dev/sda1", false},
		{"labels keep their case", all, Want{Spec: "PARTLABEL=OLD DATA"}, Final, "", false},
		{"by partition node", all, Want{Spec: "/dev/sdb2"}, Settled, "/dev/sdb2", false},
		{"by disk node", all, Want{Spec: "/dev/sdc"}, Settled, "/dev/sdc", false},
		{"the command line beats the boot disk", all, Want{Spec: "/dev/sda1", BootPart: "0000-b1"}, Settled, "/dev/sda1", false},
		{"a named partition is not present yet", all, Want{Spec: "/dev/sdx1"}, Settled, "", true},
		{"a named partition never appeared: no other is used", all, Want{Spec: "/dev/sdx1"}, Final, "", false},
		{"nothing is known while drivers load: a better disk may appear", all, Want{}, Loading, "", true},
		{"the boot disk is present while drivers load", all, Want{BootPart: "0000-b1"}, Loading, "/dev/sdb2", false},
		{"the boot disk has no data partition while drivers load", []blockdev.Disk{other, stick}, Want{BootPart: "0000-d1"}, Loading, "", true},
		{"a named partition is present while drivers load", all, Want{Spec: "/dev/sdb2"}, Loading, "/dev/sdb2", false},
		{"unknown tag", all, Want{Spec: "UUID=0000-b2"}, Final, "", false},
	} {
		if device, wait := Choose(c.disks, c.want, c.stage); device != c.device || wait != c.wait {
			t.Errorf("%s: %q %v, want %q %v", c.name, device, wait, c.device, c.wait)
		}
	}
}

func TestLoaderPartIsUTF16AfterFourBytes(t *testing.T) {
	raw := []byte{6, 0, 0, 0}
	for _, r := range "C12A7328-F81F-11D2-BA4B-00A0C93EC93B\x00" {
		raw = append(raw, byte(r), 0)
	}
	if got := parseLoaderPart(raw); got != esp {
		t.Errorf("%q", got)
	}
	for _, short := range [][]byte{nil, raw[:4], raw[:40]} {
		if got := parseLoaderPart(short); got != "" {
			t.Errorf("%d bytes: %q", len(short), got)
		}
	}
}
