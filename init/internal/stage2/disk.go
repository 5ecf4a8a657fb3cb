package stage2

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/diskid"
	"kios.dev/init/internal/fault"
)

// renewDisk gives a freshly flashed disk identifiers of its own, and the data partition the rest of its disk, while no
// partition is mounted.
func (h *host) renewDisk(disk blockdev.Disk, want datapart.Want) {
	if disk.Name == "" {
		return
	}
	device := blockdev.Path(disk.Name)
	fresh := diskid.Fresh(disk)
	keep := fresh && want.NamesBuild()
	result, err := diskid.Renew(disk, keep)
	if result.Renewed {
		h.log.Info("disk.renewed", "device", device)
	}
	if result.Mended {
		h.log.Info("disk.mended", "device", device)
	}
	growth := result.Growth
	if growth.Partition != 0 {
		h.log.Info("disk.grown", "device", device, "partition", growth.Partition, "bytesBefore", growth.Was, "bytes", growth.Bytes)
	}
	if growth.Behind != 0 && growth.Unused > 0 {
		h.log.Warn("disk.unused", "device", device, "bytes", growth.Unused, "cause", fault.New(fault.DiskUnused, "extend the data partition of "+device,
			"The node runs, and the rest of the disk stays unused. Make a partition there, or move the one that lies behind the data partition.",
			fmt.Errorf("partition %d lies behind it", growth.Behind)))
	}
	doing, remedy := "extend the partition table of "+device, "The node runs with the old size. Remove the cause and reboot."
	if fresh {
		doing, remedy = "give "+device+" identifiers of its own", "The node runs. Attach no second disk with a kiOS image until the cause is removed."
	}
	if keep && err == nil {
		err = datapart.ErrNamed
	}
	if err != nil {
		h.log.Warn("disk.kept", "device", device, "cause", fault.New(fault.Disk, doing, remedy, err))
	}
}

// renewFileSystem gives a freshly flashed data partition a UUID of its own.
func (h *host) renewFileSystem(device string) {
	changed, err := diskid.RenewFileSystem(dataDir)
	if changed {
		h.log.Info("data.renewed", "device", device)
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		h.log.Warn("data.kept", "device", device, "cause", err)
	}
}

// measure finds out whether the pod that grows the file system has anything to do.
func (h *host) measure(device string) {
	outgrown, err := datapart.Outgrown(device)
	if err != nil {
		h.log.Warn("data.size", "device", device, "cause", err)
	}
	h.outgrown = outgrown
}

// makeRoom gives up the ballast of a full partition, so that kubelet starts and can take space back from pods.
func (h *host) makeRoom(device string) {
	if free, full := datapart.Full(dataDir); full {
		h.giveUpBallast(device, free)
	}
}

// giveUpBallast reports a full partition, and returns whether it has got room.
func (h *host) giveUpBallast(device string, free datapart.Room) bool {
	cause := error(unix.ENOSPC)
	given, err := datapart.GiveUp(dataDir)
	if err != nil {
		cause = fmt.Errorf("%w, and the ballast stays: %w", cause, err)
	}
	h.log.Warn("data.full", "device", device, "freeBytes", free.Bytes, "freeInodes", free.Inodes, "ballast", given,
		"cause", fault.New(fault.DataFull, "find room on "+device,
			"Kubelet removes unused images and evicts pods. Remove what pods do not need, or use a larger disk.", cause))
	return given && err == nil
}

// reserveRoom makes the ballast for a later boot.
func (h *host) reserveRoom() {
	if h.data != "partition" {
		return
	}
	if err := datapart.Reserve(dataDir); err != nil {
		h.log.Warn("data.ballast", "cause", err)
	}
}
