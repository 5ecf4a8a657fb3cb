package stage2

import (
	"fmt"
	"os"
	"time"

	"kios.dev/init/internal/datapart"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/store"
)

const (
	containerdDir = "/var/lib/containerd"
	// storeAdaptLimit bounds the editing of containerd's databases, which takes a fraction of a second.
	storeAdaptLimit = time.Minute
	// storeKeepLimit bounds the copying of layers at a stop: the runtime of the agents takes 10 s on a slow card.
	storeKeepLimit = 20 * time.Second
	// namesLogged bounds the names in one event.
	namesLogged = 20
)

func (h *host) prepareStore() error {
	if _, err := os.Stat(storeDir + "/store.json"); os.IsNotExist(err) {
		h.log.Warn("store.none", "note", "the image ships no store; containerd starts empty")
		return nil
	}
	r, err := h.fillStore(h.adaptStore)
	if err != nil && r.Adapted {
		h.log.Error("store.emptied", "cause", fault.New(fault.StoreEmptied, "keep the images that were pulled",
			"Kubelet pulls them again as soon as a pod needs them.", err))
		r, err = h.fillStore(nil)
	}
	if err != nil {
		// RAM has room for the links, so the node can still run its own pods. A reboot would only fail here again.
		h.log.Error("store.failed", "cause", h.lasting(fault.New(fault.Store, "prepare containerd's store",
			"containerd runs from RAM. Free space on the data partition, or flash the medium again.", err)))
		if err = mounts.Apply([]mounts.Mount{mounts.RAM(containerdDir, stateInRAM())}, nil); err == nil {
			r, err = makeStore(nil)
		}
	}
	if err != nil {
		return fault.New(fault.Store, "prepare containerd's store in RAM", "The root image is damaged: flash it again.", err)
	}
	h.log.Info("store.ready", "bytes", r.Bytes, "links", r.Links, "fresh", r.Fresh, "adapted", r.Adapted, "ms", r.Took.Milliseconds())
	h.importImages()
	h.phases.reached("store")
	return nil
}

// fillStore prepares the store, a second time with the ballast's room if there is none.
func (h *host) fillStore(adapt func() error) (store.Result, error) {
	r, err := makeStore(adapt)
	if datapart.IsFull(err) {
		if free, _ := datapart.Full(dataDir); h.data == "partition" && h.giveUpBallast(h.dataDevice, free) {
			return makeStore(adapt)
		}
	}
	return r, err
}

func makeStore(adapt func() error) (store.Result, error) {
	r, err := store.Prepare(storeDir, containerdDir, adapt)
	if err == nil {
		err = store.Mount(storeDir, containerdDir)
	}
	return r, err
}

// adaptStore edits the store that another image filled, and names the images that this one has made incomplete.
func (h *host) adaptStore() error {
	r, err := h.runStore(storeAdaptLimit, store.AdaptVerb)
	if err != nil || len(r.Lost) == 0 {
		return err
	}
	names := r.Lost[:min(len(r.Lost), namesLogged)]
	h.log.Warn("store.lost", "images", names, "count", len(r.Lost), "cause", fault.New(fault.StoreLost, "keep images that share layers with the image before",
		"Kubelet pulls them again as soon as a pod needs them. Before the next change of the image, shut the node down: it then keeps them whole.",
		fmt.Errorf("this image does not have those layers")))
	return nil
}

// doubtAfter is how often in a row containerd has ended when its databases may be why.
const doubtAfter = 3

// doubtStore lets the next boot look into the databases of a containerd that does not work. What can be read stays, so
// nothing is lost where the cause is another one. A full partition is such a cause, and leaves no room for the look.
func (h *host) doubtStore() {
	if _, full := datapart.Full(dataDir); full || h.data != "partition" {
		return
	}
	if err := store.Doubt(containerdDir); err != nil {
		h.log.Warn("store.doubted", "cause", err)
		return
	}
	h.log.Warn("store.doubted", "note", "containerd does not work; the next boot looks into its databases")
}

// keepPulledImages makes pulled images independent of this image, because the next boot may be that of another.
func (h *host) keepPulledImages() error {
	if h.data != "partition" {
		return nil
	}
	start := time.Now()
	r, err := h.runStore(storeKeepLimit, store.KeepVerb)
	if err == nil && r.Paths > 0 {
		h.log.Info("store.kept", "paths", r.Paths, "bytes", r.Bytes, "ms", time.Since(start).Milliseconds())
	}
	return err
}

// runStore runs init itself as the command that opens containerd's databases.
func (h *host) runStore(limit time.Duration, verb string, more ...string) (store.Report, error) {
	args := append([]string{store.CommandName, verb, storeDir, containerdDir}, more...)
	output, err := h.reaper.RunOnce("/proc/self/exe", args, environment(), limit)
	return store.ReadReport(output, err)
}
