// Package datapart finds and mounts the data partition.
package datapart

import (
	"errors"
	"slices"
	"strings"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/diskid"
	"kios.dev/init/internal/gpt"
)

// Want holds what the kernel command line and the firmware say about the data partition.
type Want struct {
	Spec     string // `datapart=`, or ""
	BootPart string // GUID of the partition the machine booted from, or ""
	Board    Board  // what a board says that has no such GUID
}

// bootLabel is the name of the build's boot partition in the partition table.
const bootLabel = "kios-esp"

// ErrNamed means that a disk keeps the build's GUIDs because the kernel command line names one of them.
var ErrNamed = errors.New("datapart= on the kernel command line names it by a GUID of the build")

// NamesBuild reports whether the command line names the partition by a GUID of the build, which then has to stay.
func (w Want) NamesBuild() bool {
	guid, ok := strings.CutPrefix(w.Spec, "PARTUUID=")
	return ok && diskid.Shared(strings.ToLower(guid))
}

// Stage is the progress of the search.
type Stage int

// The stages of the search.
const (
	Loading Stage = iota // drivers are still being loaded
	Settled              // all are loaded, and the disks that they find at once are present
	Quiet                // no bus is about to bring a disk, and every table has been read
	Final                // the deadline has passed
)

// Choice is the result of the search. Without a Device all state is in RAM.
type Choice struct {
	Device string // of the data partition, or ""
	// Boot is the device of the partition booted from, or "" when the firmware names none or the disk is not present.
	// From here on it stands for that partition, whose GUID may be replaced.
	Boot string
	// Medium is the disk that belongs to this machine: the one booted from or, when the firmware names none, that of the
	// data partition. It has no Name when there is no such disk.
	Medium blockdev.Disk
	// Twins are the devices that cannot be told apart, so that none of them is the data partition.
	Twins []string
}

// Choose returns the data partition among the present disks. wait is true when another disk could still change the
// result: the one that is named or was booted from, or a twin of the one found.
func Choose(disks []blockdev.Disk, want Want, stage Stage) (choice Choice, wait bool) {
	boot := bootParts(disks, want)
	switch {
	case want.Spec != "":
		choice, wait = bySpec(disks, want.Spec, stage)
		return choice.booted(boot, want, wait, stage)
	case want.KnowsBoot():
		return onBootDisk(disks, boot, want, stage)
	}
	return onlyOne(disks, want.Board, stage)
}

// KnowsBoot reports whether the firmware says what was booted.
func (w Want) KnowsBoot() bool { return w.BootPart != "" || w.Board.Bus != "" }

// bootParts returns the partitions that may be the one booted from.
func bootParts(disks []blockdev.Disk, want Want) []found {
	if want.BootPart != "" || want.Board.Bus == "" {
		return withGUID(disks, want.BootPart)
	}
	return find(onBus(disks, want.Board.Bus), isBoot)
}

// mayDouble reports whether a disk may yet appear that looks as if it was booted from, too. A GUID of the build is that
// of any fresh disk; any other is one disk's own. A board has one slot for a card, but several ports for disks.
func (w Want) mayDouble(disk blockdev.Disk, stage Stage) bool {
	switch {
	case w.BootPart != "":
		return diskid.Fresh(disk) && stage < Quiet
	case w.Board.Bus == blockdev.Card:
		return false
	}
	return stage < Quiet
}

// booted adds the partition booted from to a choice that does not depend on it. Of several, none is this machine's, and
// none may get another GUID: the rest would look like the only one.
func (c Choice) booted(boot []found, want Want, wait bool, stage Stage) (Choice, bool) {
	switch {
	case c.Twins != nil || len(boot) == 0:
	case len(boot) > 1:
		c.Medium = blockdev.Disk{}
	default:
		c.Boot, c.Medium = boot[0].part.Device, *boot[0].disk
		wait = wait || want.mayDouble(c.Medium, stage)
	}
	return c, wait
}

// onBootDisk takes no other disk's data partition.
func onBootDisk(disks []blockdev.Disk, boot []found, want Want, stage Stage) (Choice, bool) {
	if len(boot) == 0 {
		return Choice{}, stage < Final
	}
	if len(boot) > 1 {
		return Choice{Twins: devices(boot)}, false
	}
	disk := boot[0].disk
	var same []string
	for _, other := range disks {
		if want.BootPart != "" && other.GUID == disk.GUID {
			same = append(same, blockdev.Path(other.Name))
		}
	}
	if len(same) > 1 {
		return Choice{Twins: same}, false
	}
	choice := Choice{Boot: boot[0].part.Device, Medium: *disk}
	if parts := find([]blockdev.Disk{*disk}, isData); len(parts) > 0 {
		choice.Device = parts[0].part.Device
	}
	return choice, want.mayDouble(*disk, stage)
}

// onlyOne serves machines whose firmware does not say what was booted. The type is the same on every disk, so there may
// be only one disk with it. A board with a slot starts from its card first, so another disk counts only when it is
// certain that the slot is empty; what was booted is then the disk with the data partition.
func onlyOne(disks []blockdev.Disk, board Board, stage Stage) (Choice, bool) {
	choice, wait := unique(find(disks, isData), false, stage)
	wait = wait || choice.Device == "" && choice.Twins == nil && stage == Loading
	if !board.Slot || choice.Twins != nil {
		return choice, wait
	}
	if boot := find([]blockdev.Disk{choice.Medium}, isBoot); len(boot) == 1 {
		choice.Boot = boot[0].part.Device
	}
	empty := len(onBus(disks, blockdev.Card)) == 0
	return choice, wait || stage < Quiet || empty && stage < Final
}

func bySpec(disks []blockdev.Disk, spec string, stage Stage) (Choice, bool) {
	key, value, tagged := strings.Cut(spec, "=")
	var own bool // the word names one partition of one machine
	var named []found
	switch {
	case !tagged:
		own = true
		for _, disk := range disks {
			if spec == blockdev.Path(disk.Name) { // a whole disk may be the data partition
				return Choice{Device: spec, Medium: disk}, false
			}
		}
		named = find(disks, func(p *blockdev.Part) bool { return p.Device == spec })
	case key == "PARTUUID":
		own = !diskid.Shared(strings.ToLower(value))
		named = withGUID(disks, value)
	case key == "PARTLABEL":
		named = find(disks, func(p *blockdev.Part) bool { return p.Name == value })
	}
	if len(named) == 0 {
		return Choice{}, stage < Final
	}
	return unique(named, own, stage)
}

// unique returns the only one of parts that lie on different disks, the first of those on one disk. own means that no
// other disk can have such a part, whichever appears.
func unique(parts []found, own bool, stage Stage) (Choice, bool) {
	if len(parts) == 0 {
		return Choice{}, false
	}
	first := parts[0]
	for _, other := range parts {
		if other.disk.Name != first.disk.Name {
			return Choice{Twins: devices(parts)}, false
		}
	}
	wait := !own && (stage < Settled || stage < Quiet && diskid.Fresh(*first.disk))
	return Choice{Device: first.part.Device, Medium: *first.disk}, wait
}

// found is a partition with its disk.
type found struct {
	disk *blockdev.Disk
	part *blockdev.Part
}

func find(disks []blockdev.Disk, matches func(*blockdev.Part) bool) []found {
	var all []found
	for i := range disks {
		disk := &disks[i]
		for j := range disk.Parts {
			if part := &disk.Parts[j]; matches(part) {
				all = append(all, found{disk, part})
			}
		}
	}
	return all
}

// withGUID returns the partitions with a GUID, which is "" when it is unknown.
func withGUID(disks []blockdev.Disk, guid string) []found {
	return find(disks, func(p *blockdev.Part) bool { return guid != "" && strings.EqualFold(p.GUID, guid) })
}

// WithGUID returns the devices of the partitions with a GUID.
func WithGUID(disks []blockdev.Disk, guid string) []string { return devices(withGUID(disks, guid)) }

func isData(p *blockdev.Part) bool { return p.Type == gpt.KiOS }

func isBoot(p *blockdev.Part) bool { return p.Type == gpt.ESP && p.Name == bootLabel }

func onBus(disks []blockdev.Disk, bus blockdev.Bus) []blockdev.Disk {
	return slices.DeleteFunc(slices.Clone(disks), func(d blockdev.Disk) bool { return d.Bus != bus })
}

func devices(parts []found) []string {
	var names []string
	for _, one := range parts {
		names = append(names, one.part.Device)
	}
	return names
}
