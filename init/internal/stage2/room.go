package stage2

import (
	"time"

	"kios.dev/init/internal/datapart"
)

const (
	roomPace = 10 * time.Second
	// fullLooks is how often in a row the data partition is found full before its ballast is given up. Kubelet, which
	// looks as often, has ended the processes of the pod that filled it by then; before, they would take that room too.
	fullLooks = 3
)

// watchRoom gives up the ballast of a data partition that pods have filled, and makes it again once there is room.
// containerd cannot record the end of a container without a free block, so the pod that took the last one, root's own
// included, could not be evicted.
func (h *host) watchRoom() {
	if h.data != "partition" {
		return
	}
	var watch roomWatch
	for range time.Tick(roomPace) {
		free, full := datapart.Full(dataDir)
		if watch.look(full) {
			h.giveUpBallast(h.dataDevice, free)
		}
		if !full {
			h.reserveRoom()
		}
	}
}

// roomWatch counts looks at a full partition.
type roomWatch struct{ full int }

// look reports whether the ballast is to be given up now: once each time that the partition stays full.
func (w *roomWatch) look(full bool) bool {
	if !full {
		w.full = 0
		return false
	}
	w.full++
	return w.full == fullLooks
}
