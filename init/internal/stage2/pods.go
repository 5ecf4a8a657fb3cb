package stage2

import (
	"fmt"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/staticpods"
)

const (
	podLogs = "/var/log/pods"
	// firstPatience bounds how long a pod that does not start can hold back the others.
	firstPatience = 10 * time.Second
	// firstPace is how often is looked whether the first pods run; only until they do.
	firstPace = 20 * time.Millisecond
)

// offerPods lets kubelet see the pods that ask to start first, and the others as soon as those have said something: sandboxes that are
// made at the same time take as long as all of them together, and everything else waits for the network anyway.
func (h *host) offerPods() {
	folder := staticpods.Folder{From: "/etc/kubernetes/manifests", To: runDir + "/manifests"}
	first, err := folder.OfferFirst()
	report := h.podsReporter()
	report(err)
	go func() {
		start := time.Now()
		late := awaitAll(first, func(uid string) bool { return staticpods.Spoke(podLogs, uid) }, start.Add(firstPatience))
		if late {
			h.log.Warn("pods.late", "seconds", int(firstPatience.Seconds()), "note", "a pod that was to start first does not run; the others start")
		}
		h.log.Info("pods.offered", "first", len(first), "ms", time.Since(start).Milliseconds())
		folder.Follow(report)
	}()
}

// awaitAll answers whether the deadline came before all were done.
func awaitAll(names []string, done func(string) bool, deadline time.Time) (late bool) {
	for _, name := range names {
		for !done(name) {
			if time.Now().After(deadline) {
				return true
			}
			time.Sleep(firstPace)
		}
	}
	return false
}

// podsReporter answers what reports faults of the folder: each once, not at every look.
func (h *host) podsReporter() func(error) {
	last := ""
	return func(err error) {
		now := fmt.Sprint(err)
		if err != nil && now != last {
			h.log.Error("pods.manifests", "cause", fault.New(fault.Manifests, "offer the static pods", "correct or remove the file in /etc/kubernetes/manifests", err))
		}
		last = now
	}
}
