package stage2

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/seed"
	"kios.dev/init/internal/staticpods"
)

const (
	manifestDir = "/etc/kubernetes/manifests"
	podLogs     = "/var/log/pods"
	blobs       = "/var/lib/containerd/io.containerd.content.v1.content/blobs"
	// firstPatience bounds how long a pod that does not start can delay the others once kubelet is ready, and
	// readyPatience how long a kubelet that is not can.
	firstPatience = 20 * time.Second
	readyPatience = time.Minute
	// firstPace is the polling interval until the first pods run.
	firstPace = 20 * time.Millisecond
)

// offerPods lets kubelet see the pods that ask to start first, and the others as soon as each of those has logged a
// line. Sandboxes made at the same time each take as long as all of them together, and everything else waits for the
// network anyway.
func (h *host) offerPods() {
	h.pods.From, h.pods.Over, h.pods.To = manifestDir, seed.BootDir+"/manifests", runDir+"/manifests"
	h.pods.Boot, h.pods.Grown = readLine("/proc/sys/kernel/random/boot_id"), h.outgrown
	h.pods.Twins = staticpods.NewTwins(h.podTwice)
	folder := h.pods
	first, err := folder.OfferFirst()
	report := h.podsReporter()
	report(err)
	if waiting := folder.Fallback.Waiting(); len(waiting) > 0 {
		h.log.Info("pods.unpulled", "manifests", waiting, "note", "their images are not in the store: the pods of the node's image run first")
	}
	go func() {
		start := time.Now()
		late := awaitAll(first, hasLogged, patience(time.Now, func() bool { return h.phases.passed("kubelet.ready") }))
		if late {
			h.log.Warn("pods.late", "seconds", int(time.Since(start).Seconds()), "note", "a pod that starts first does not run; the others start now")
		}
		h.log.Info("pods.offered", "first", len(first), "ms", time.Since(start).Milliseconds())
		folder.Follow(report)
	}()
}

func isStored(digest string) bool {
	_, err := os.Stat(blobs + "/" + strings.Replace(digest, ":", "/", 1))
	return err == nil
}

func hasLogged(uid string) bool { return staticpods.HasLogged(podLogs, uid) }

// patience returns a function that tells when the first pods have been waited for long enough. A slow machine's kubelet
// needs most of a minute before it starts any pod.
func patience(now func() time.Time, ready func() bool) (over func() bool) {
	begin, limit, isReady := now(), readyPatience, false
	return func() bool {
		if !isReady && ready() {
			isReady, begin, limit = true, now(), firstPatience
		}
		return now().Sub(begin) >= limit
	}
}

// awaitAll polls until all are done, and reports whether patience was over first.
func awaitAll(names []string, done func(string) bool, over func() bool) (late bool) {
	for _, name := range names {
		for !done(name) {
			if over() {
				return true
			}
			time.Sleep(firstPace)
		}
	}
	return false
}

// faultPace is the least time between two lines about the folder of static pods.
const faultPace = 10 * time.Second

// podsReporter returns a function that logs each fault of the folder once. A fault that comes too soon after another is
// logged in a later round if it is still there: a program that makes and removes faults must not roll the log over.
func (h *host) podsReporter() func(error) {
	return reportChanges(time.Now, func(err error) {
		h.log.Error("pods.manifests", "cause", fault.New(fault.Manifests, "offer the static pods", "Correct or remove the file in /etc/kubernetes/manifests, or in kios/manifests on the medium.", err))
	})
}

func reportChanges(now func() time.Time, report func(error)) func(error) {
	last, at := "", time.Time{}
	return func(err error) {
		text := fmt.Sprint(err)
		switch {
		case err == nil:
			last = ""
		case text != last && now().Sub(at) >= faultPace:
			last, at = text, now()
			report(err)
		}
	}
}

const (
	// refusalsAMinute bounds the lines about refused pods: a program may write one faulty manifest after the other.
	refusalsAMinute = 8
	// refusalsKept is how many refusals are remembered, so that one that stays is reported once.
	refusalsKept = 256
)

// podRefused reports a pod that kubelet refuses; the others run.
func (h *host) podRefused(what, cause string) {
	h.log.Error("pods.refused", "manifest", what, "cause", fault.New(fault.Manifest, "run "+what,
		"Correct the file in kios/manifests on the medium, or in /etc/kubernetes/manifests.", errors.New(cause)))
}

// podTwice reports a pod that several files have.
func (h *host) podTwice(pod string, files []string) {
	h.log.Warn("pods.twice", "pod", pod, "files", files, "cause", fault.New(fault.Manifest, "run the pod "+pod+" of "+strings.Join(files, " and "),
		"Remove all but one of the files, or give their pods other names.", errors.New("kubelet runs only one pod of a name")))
}

// readOwnPods remembers the image's static pods, before the writable layer of /etc can hide them.
func (h *host) readOwnPods() {
	if h.pods.Fallback != nil {
		return
	}
	fallback, err := staticpods.NewFallback(manifestDir, staticpods.Node{Now: time.Now, Runs: hasLogged, Stored: isStored})
	if err != nil {
		h.log.Warn("pods.own", "cause", err, "note", "what cannot be read does not run in the place of a pod whose image cannot be pulled")
	}
	h.pods.Fallback = fallback
}

// followPods returns the function that takes the lines of kubelet's log about static pods.
func (h *host) followPods() func(line []byte) {
	refusals := followRefusals(time.Now, h.podRefused)
	return func(line []byte) {
		refusals(line)
		if pod, cause := kubelet.Unpullable(line); pod != "" {
			h.fallBack(pod, cause)
		}
	}
}

// fallBack lets the image's own pod run while the one in its place cannot be pulled. It is reported until the pauses
// between the tries no longer grow.
func (h *host) fallBack(pod, cause string) {
	node, err := os.Hostname()
	file, pause := h.pods.Fallback.Unpullable(pod, node)
	if err != nil || file == "" {
		return
	}
	go h.pods.Sync() // reports nothing: Follow repeats it
	if pause < staticpods.LongestPause {
		h.log.Warn("pods.fallback", "manifest", file, "seconds", int(pause.Seconds()), "cause", fault.New(fault.Pull, "pull an image of "+file,
			"Until the next try the pod of the node's image runs in its place. Check the reference, the registry, and its certificate and password in the bootstrap document.", errors.New(cause)))
	}
}

// followRefusals returns a function that takes the lines of kubelet's log and reports each refused pod once. One that
// comes after too many others is reported when kubelet repeats it.
func followRefusals(now func() time.Time, report func(what, cause string)) func(line []byte) {
	var refusals kubelet.Refusals
	known := map[string]string{}
	minute, reported := time.Time{}, 0
	return func(line []byte) {
		what, cause := refusals.Line(line)
		if what == "" || known[what] == cause {
			return
		}
		if now().Sub(minute) >= time.Minute {
			minute, reported = now(), 0
		}
		if reported >= refusalsAMinute {
			return
		}
		if len(known) >= refusalsKept {
			clear(known)
		}
		known[what] = cause
		reported++
		report(what, cause)
	}
}
