package stage2

import (
	"os"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/store"
)

func (h *host) mountState(drivers <-chan struct{}) error {
	h.bootPart = datapart.BootPart()
	device := datapart.Search(datapart.Want{Spec: h.options.DataPart, BootPart: h.bootPart}, h.modules, drivers)
	kind := "ram"
	if device != "" && h.mountPartition(device) {
		kind = "partition"
		h.log.Info("data.mounted", "device", device)
	} else {
		if device == "" && h.options.DataPart != "" {
			h.log.Warn("data.missing", "cause", fault.New(fault.DataPart, "find datapart="+h.options.DataPart,
				"Check the kernel command line and the disk.", os.ErrNotExist))
		}
		if err := mounts.Apply([]mounts.Mount{mounts.RAM(dataDir)}, nil); err != nil {
			return err
		}
		if err := h.useState(); err != nil {
			return err
		}
		h.log.Warn("data.ram", "note", "no data partition: all state is lost at power off")
		if h.dataReason = "failed"; device == "" {
			h.dataReason = "none"
		}
	}
	h.data = kind
	h.phases.reached("data")
	return h.phases.save(func(s *bootState) { s.Data = kind })
}

// mountPartition reports whether the data partition is in use now. If not, none of it is left mounted.
func (h *host) mountPartition(device string) bool {
	err := datapart.Mount(device, dataDir, h.modules)
	if err == nil {
		if err = h.useState(); err == nil {
			return true
		}
		unix.Unmount(dataDir, unix.MNT_DETACH)
	}
	h.log.Error("data.failed", "device", device, "cause", err)
	return false
}

func (h *host) useState() error {
	if err := mounts.MakeDirs(mounts.StateDirs(dataDir)); err != nil {
		return fault.New(fault.DataPart, "make folders for state", "Check the data partition.", err)
	}
	if err := h.cleanEtc(); err != nil {
		return err
	}
	table := mounts.State(dataDir)
	for i, row := range table {
		if err := mounts.Apply(table[i:i+1], h.modules.LoadFS); err != nil {
			for _, done := range table[:i] {
				unix.Unmount(done.Target, unix.MNT_DETACH)
			}
			return fault.New(fault.DataPart, "mount "+row.Target, "Check the data partition and the kernel's overlay module.", err)
		}
	}
	return linkLogs()
}

// linkLogs makes the host's logs visible in kubelet's /logs endpoint, which serves /var/log.
func linkLogs() error {
	const link = "/var/log/kios"
	if target, err := os.Readlink(link); err == nil && target == runDir+"/log" {
		return nil
	}
	os.RemoveAll(link)
	return os.Symlink(runDir+"/log", link)
}

func (h *host) prepareStore() error {
	if _, err := os.Stat(storeDir + "/store.json"); os.IsNotExist(err) {
		h.log.Warn("store.none", "note", "the image ships no store; containerd starts empty")
		return nil
	}
	const containerd = "/var/lib/containerd"
	r, err := store.Prepare(storeDir, containerd)
	if err != nil {
		// RAM has room for the links, so the node can still run its own pods. A reboot would only fail here again.
		h.log.Error("store.failed", "cause", fault.New(fault.Store, "prepare containerd's store",
			"containerd runs from RAM. Free space on the data partition, or flash the medium again.", err))
		if err = mounts.Apply([]mounts.Mount{mounts.RAM(containerd)}, nil); err == nil {
			r, err = store.Prepare(storeDir, containerd)
		}
	}
	if err != nil {
		return fault.New(fault.Store, "prepare containerd's store in RAM", "The root image is damaged: flash it again.", err)
	}
	h.log.Info("store.ready", "bytes", r.Bytes, "links", r.Links, "fresh", r.Fresh, "ms", r.Took.Milliseconds())
	h.phases.reached("store")
	return nil
}
