// Package datapart finds and mounts the data partition.
package datapart

import (
	"strings"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
)

// Want holds what the kernel command line and the firmware say about the data partition.
type Want struct {
	Spec     string // `datapart=`, or ""
	BootPart string // GUID of the partition the machine booted from, or ""
}

// Stage is the progress of the search.
type Stage int

// The stages of the search.
const (
	Loading Stage = iota // drivers are still being loaded
	Settled              // all are loaded, and the disks that they find at once are present
	Final                // the deadline has passed
)

// Choose returns the data partition's device among the present disks. wait is true when another disk could still change
// the result: the named one, the one booted from, or, when neither is known, any disk while drivers are loading.
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

// Find returns the partition with this GUID, or nil.
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
