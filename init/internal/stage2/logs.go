package stage2

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/hostlogs"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/podlogs"
)

const (
	kernelLog = "/dev/kmsg"
	// shownLogs is where kubelet looks for logs of the host. It follows no link out of /var/log.
	shownLogs = "/var/log/kios"
	keptBoots = dataDir + "/meta/boots"
)

// logMounts returns the mounts that show the logs, read-only: many pods may write to /var/log.
func logMounts(kept bool) []mounts.Mount {
	const flags = unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | mounts.Hard
	shown := mounts.Mount{Source: hostlogs.Dir, Target: shownLogs, Flags: flags}
	if !kept {
		return []mounts.Mount{shown}
	}
	return []mounts.Mount{{Source: keptBoots, Target: filepath.Join(hostlogs.Dir, hostlogs.Boots), Flags: flags}, shown}
}

// showLogs mounts the logs of this boot and of those before at /var/log/kios.
func (h *host) showLogs() {
	removeLink(shownLogs)
	all := []error{mounts.MakeDirs([]mounts.Dir{{Path: shownLogs, Mode: 0o755}}, h.tellAside)}
	for _, row := range logMounts(h.data == "partition") {
		all = append(all, mounts.One(row, nil))
	}
	if err := errors.Join(all...); err != nil {
		h.log.Warn("host.failed", "what", "logs in "+shownLogs, "cause", err)
	}
}

// removeLink removes a link: images before this one had one there.
func removeLink(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
		os.Remove(path)
	}
}

// keepLogs has the logs of this boot kept where the state is, unless it is in RAM.
func (h *host) keepLogs() {
	if h.data != "partition" {
		h.log.KeepNone()
		return
	}
	h.log.Keep(eventlog.Keeping{Folder: keptBoots, Limit: hostlogs.KeptLimit(dataDir), Record: hostlogs.Record{
		BootID: readLine("/proc/sys/kernel/random/boot_id"), Version: h.release.Version, Kernel: readLine("/proc/sys/kernel/osrelease"),
	}})
}

// mendLimit bounds the mending of pods' logs, which kubelet waits for.
const mendLimit = 5 * time.Second

// mendPodLogs mends the logs of pods if the run before did not end in order.
func (h *host) mendPodLogs() {
	if previous := h.life.previous; h.data != "partition" || previous != nil && previous.State == lastrun.Ended {
		return
	}
	if files, bytes := podlogs.Mend(podLogs, time.Now().Add(mendLimit)); files > 0 {
		h.log.Info("podlogs.mended", "files", files, "bytes", bytes, "note", "the run before ended while these lines were written")
	}
}

// followKernel comes when the pods run: the kernel keeps its lines until then.
func (h *host) followKernel() {
	if err := h.log.FollowKernel(kernelLog); err != nil {
		h.log.Warn("host.failed", "what", "the kernel's log", "cause", err)
	}
}
