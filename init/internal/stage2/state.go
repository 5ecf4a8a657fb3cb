package stage2

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/volatile"
)

func (h *host) mountState(drivers <-chan struct{}) error {
	want := datapart.Want{Spec: h.options.DataPart, BootPart: datapart.BootPart(), Board: datapart.ReadBoard(datapart.Tree)}
	waits := func(lacking string, longest time.Duration) {
		h.log.Info("data.waiting", "for", lacking, "seconds", int(longest.Seconds()))
	}
	choice := datapart.Search(want, h.modules, drivers, waits)
	h.takeDirty(choice.Boot)
	h.goBack(choice.Boot)
	if h.takeArguments(choice.Boot) && h.options.DataPart != want.Spec {
		want.Spec = h.options.DataPart
		choice = datapart.Search(want, h.modules, drivers, waits)
	}
	h.followRouters()
	h.bootPart, h.bootDevice, h.medium = want.BootPart, choice.Boot, choice.Medium.Name
	h.renewDisk(choice.Medium, want)
	h.dataDevice, h.data, h.dataReason = choice.Device, "partition", ""
	if content := h.openData(choice.Device); content == "" || !h.mountPartition(content) {
		h.data, h.dataReason = "ram", h.whyRAM(choice, want)
		if err := mounts.Apply([]mounts.Mount{mounts.RAM(dataDir, stateInRAM())}, nil); err != nil {
			return err
		}
		if err := h.useState(); err != nil {
			return err
		}
		note := "all state is lost at power off"
		if choice.Boot != "" && h.dataReason == "none" {
			note = "the disk booted from has no data partition: " + note
		}
		h.log.Warn("data.ram", "reason", h.dataReason, "note", note)
		go h.tellVolatile()
	}
	h.keepLogs()
	h.joined = isJoined("/etc")
	h.phases.reached("data")
	return h.phases.save(func(s *bootState) { s.Data, s.DataReason = h.data, h.dataReason })
}

// whyRAM returns the reason for state in RAM, and reports a data partition that is expected and not used. A partition
// that does not mount has been reported already.
func (h *host) whyRAM(choice datapart.Choice, want datapart.Want) (reason string) {
	var lacking *fault.Error
	switch {
	case choice.Twins != nil:
		h.log.Error("data.failed", "devices", choice.Twins, "cause", h.lasting(fault.New(fault.DataTwice, "choose the data partition",
			"The node runs from RAM and has touched none of these devices. Detach all but one, or name the partition with datapart=/dev/… on the kernel command line.",
			fmt.Errorf("%s cannot be told apart", strings.Join(choice.Twins, " and ")))))
	case choice.Device != "":
	case want.Spec != "":
		lacking = fault.New(fault.DataPart, "find datapart="+want.Spec, "Check the kernel command line, kios/cmdline.txt on the medium, and the disk.", os.ErrNotExist)
	case want.KnowsBoot() && choice.Boot == "":
		lacking = fault.New(fault.DataPart, "find the disk booted from",
			"Its driver is missing, or it replies too slowly. With datapart= on the kernel command line another disk can hold the state.", os.ErrNotExist)
	default:
		return "none"
	}
	if lacking != nil {
		h.log.Warn("data.missing", "cause", h.lasting(lacking))
	}
	return "failed"
}

// mountPartition reports whether the data partition is in use now. If not, none of it is left mounted.
func (h *host) mountPartition(device string) bool {
	err := datapart.Mount(device, dataDir, h.modules)
	if err == nil {
		h.makeRoom(device)
		if err = h.useState(); err == nil {
			h.log.Info("data.mounted", "device", device)
			h.renewFileSystem(device)
			h.measure(device)
			return true
		}
		unix.Unmount(dataDir, unix.MNT_DETACH)
	}
	h.log.Error("data.failed", "device", device, "cause", h.lasting(err))
	return false
}

func (h *host) useState() error {
	table := mounts.State(dataDir)
	if err := mounts.MakeDirs(mounts.StateDirs(dataDir)); datapart.IsFull(err) {
		// A folder that this image adds has no room. The others, with the node's identity, are there.
		table = mounts.WithoutMissing(table)
		h.log.Warn("data.folder", "cause", err, "note", "it is in RAM until the next boot")
	} else if err != nil {
		return fault.New(fault.DataPart, "make folders for state", "Check the data partition.", err)
	}
	h.readOwnPods()
	if err := h.cleanEtc(); err != nil {
		return err
	}
	for i, row := range table {
		if err := mounts.Apply(table[i:i+1], h.modules.LoadFS); err != nil {
			for _, done := range table[:i] {
				unix.Unmount(done.Target, unix.MNT_DETACH)
			}
			return fault.New(fault.DataPart, "mount "+row.Target, "Check the data partition and the kernel's overlay module.", err)
		}
	}
	h.showLogs()
	h.link("/var/run", "/run")
	return nil
}

// tellVolatile says of each folder of the host that a pod makes or writes to that no reboot keeps it.
func (h *host) tellVolatile() {
	folders := []string{"/var/lib"}
	for _, dir := range mounts.Persistent {
		folders = append(folders, dir.Path)
	}
	tell := volatile.Once(append([]string{"/etc"}, folders...), func(path string) {
		h.log.Warn("volatile.folder", "path", path, "cause", fault.New(fault.Volatile, "keep "+path+" over a reboot",
			"Give the machine a disk with a data partition, or move the pod to a node that has one.",
			errors.New("the node's state is in RAM")))
	})
	pods := volatile.Pods{Proc: "/proc", Folders: append([]string{"/etc"}, folders...)}
	go pods.Follow(tell)
	// A pod that soon ends leaves its folder behind.
	h.log.Warn("volatile.unwatched", "cause", volatile.Watch(folders, tell))
}
