// Package datapart finds and mounts the data partition.
package datapart

import (
	"strings"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
)

// Want is what the command line and the firmware say about the data partition.
type Want struct {
	Spec     string // `datapart=`, or ""
	BootPart string // GUID of the partition the machine booted from, or ""
}

// Stage is how far the search has come.
type Stage int

// Drivers are still being loaded; all are and the disks they find at once are there; nothing more is waited for.
const (
	Loading Stage = iota
	Settled
	Final
)

// Choose picks the data partition's device among the disks there are now. wait tells that another disk could still change the
// answer: a named one, the one booted from, or, when nothing is known, any while drivers are loading.
func Choose(disks []blockdev.Disk, want Want, stage Stage) (device string, wait bool) {
	if want.Spec != "" {
		device = bySpec(disks, want.Spec)
		return device, device == "" && stage != Final
	}
	boot := diskWith(disks, want.BootPart)
	if boot != nil {
		if device := ofType(*boot); device != "" {
			return device, false
		}
	}
	if want.BootPart != "" && boot == nil && stage != Final || stage == Loading {
		return "", true
	}
	for _, disk := range disks {
		if device := ofType(disk); device != "" {
			return device, false
		}
	}
	return "", false
}

func bySpec(disks []blockdev.Disk, spec string) string {
	key, value, tagged := strings.Cut(spec, "=")
	for _, disk := range disks {
		if !tagged && spec == blockdev.Path(disk.Name) {
			return spec // a whole disk may be the data partition
		}
		for _, part := range disk.Parts {
			switch {
			case !tagged && part.Device == spec,
				key == "PARTUUID" && tagged && strings.EqualFold(part.GUID, value),
				key == "PARTLABEL" && tagged && part.Name == value:
				return part.Device
			}
		}
	}
	return ""
}

func ofType(disk blockdev.Disk) string {
	for _, part := range disk.Parts {
		if part.Type == gpt.KiOS {
			return part.Device
		}
	}
	return ""
}

func diskWith(disks []blockdev.Disk, guid string) *blockdev.Disk {
	for i := range disks {
		if Find(disks[i:i+1], guid) != nil {
			return &disks[i]
		}
	}
	return nil
}

// Find answers the partition with this GUID, or nil.
func Find(disks []blockdev.Disk, guid string) *blockdev.Part {
	for _, disk := range disks {
		for i := range disk.Parts {
			if guid != "" && strings.EqualFold(disk.Parts[i].GUID, guid) {
				return &disk.Parts[i]
			}
		}
	}
	return nil
}
