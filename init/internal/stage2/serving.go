package stage2

import (
	"sync"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/kubelet"
)

// servingInterval bounds how long kubelet serves with a certificate of another time after the clock was corrected.
const servingInterval = 10 * time.Minute

// serving holds the name that kubelet's serving certificate is for.
type serving struct {
	mu   sync.Mutex
	host string
}

// serveAs makes kubelet's serving certificate for the host's name, unless the one there still serves.
func (h *host) serveAs(name string) {
	h.serving.mu.Lock()
	defer h.serving.mu.Unlock()
	h.serving.host = name
	h.ensureServingPair()
}

// renewServingPair keeps the certificate valid for as long as the machine runs.
func (h *host) renewServingPair() {
	for range time.Tick(servingInterval) {
		h.serving.mu.Lock()
		h.ensureServingPair()
		h.serving.mu.Unlock()
	}
}

func (h *host) ensureServingPair() {
	made, err := kubelet.EnsureServingPair("/etc", h.serving.host, time.Now())
	if err != nil {
		h.log.Error("kubelet.pki", "cause", fault.New(fault.KubeletIn, "make kubelet's serving certificate", "Check the data partition.", err))
	} else if made {
		h.log.Info("kubelet.pki", "note", "made a serving certificate")
	}
}
