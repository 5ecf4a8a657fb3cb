package staticpods

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"kios.dev/init/internal/plainfile"
)

// A replacement is tried again when the image's own pod has run for firstPause, in which most nodes get an address and
// join, then for twice as long each time, up to LongestPause: each try ends that pod for a moment. An own pod that does
// not run is waited for as long as LongestPause.
const (
	firstPause   = 30 * time.Second
	LongestPause = 10 * time.Minute
)

// Fallback lets the image's own pod run while the one that takes its place cannot, because an image of that one is
// missing and cannot be pulled. The network over which it could be pulled, and the registry's password, may well come
// from the pods that are replaced.
type Fallback struct {
	node Node
	own  map[string]ownPod // by file name

	syncing sync.Mutex // held in each round of Sync

	mu       sync.Mutex // guards what follows
	replaced map[string]*replacement
	booting  bool
}

// Node is what a Fallback asks of the machine.
type Node struct {
	Now    func() time.Time
	Runs   func(uid string) bool    // whether a pod has started
	Stored func(digest string) bool // whether containerd has the content
}

type ownPod struct {
	content []byte
	pod     string // NAMESPACE/NAME
	uid     string
}

// replacement is a manifest that takes the place of one of the image.
type replacement struct {
	content []byte
	pause   time.Duration
	failed  time.Time // since then the image's own is offered instead; zero if it is not
	runs    time.Time // since then that one runs, or zero
}

// NewFallback reads the image's own manifests. Those that are no pod in JSON, as the image builder writes it, are left
// out.
func NewFallback(folder string, node Node) (*Fallback, error) {
	f := &Fallback{node: node, own: map[string]ownPod{}, replaced: map[string]*replacement{}}
	names, err := plainfile.Names(folder, maxNames)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	for _, name := range names {
		content, failed := plainfile.Read(folder, name, maxSize)
		err = errors.Join(err, failed)
		var pod struct {
			Metadata struct{ Namespace, Name, UID string }
		}
		if json.Unmarshal(content, &pod) == nil && pod.Metadata.Name != "" {
			f.own[name] = ownPod{content, pod.Metadata.Namespace + "/" + pod.Metadata.Name, pod.Metadata.UID}
		}
	}
	return f, err
}

// Unpullable notes that a pod (NAMESPACE/NAME) of this node does not start for lack of an image. If it takes the place
// of one of the image, that one is offered from the next round on, until it has run for the returned pause; file is ""
// if nothing changes.
func (f *Fallback) Unpullable(pod, node string) (file string, pause time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, r := range f.replaced {
		if own := f.own[name]; own.pod+"-"+node != pod || f.isPaused(r, own) {
			continue
		}
		r.pause = min(max(2*r.pause, firstPause), LongestPause)
		r.failed, r.runs = f.node.Now(), time.Time{}
		return name, r.pause
	}
	return "", 0
}

// choose returns the manifest that is to be offered under a name at which this one was found.
func (f *Fallback) choose(name string, content []byte) []byte {
	if f == nil {
		return content
	}
	own, known := f.own[name]
	if !known {
		return content
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes.Equal(content, own.content) {
		delete(f.replaced, name)
		return content
	}
	r := f.replaced[name]
	if r == nil || !bytes.Equal(r.content, content) {
		r = &replacement{content: content}
		f.replaced[name] = r
		if f.booting && f.lacksImage(content) {
			r.pause, r.failed = firstPause, f.node.Now()
		}
	}
	if f.isPaused(r, own) {
		return own.content
	}
	return content
}

// isPaused reports whether the image's own pod is offered instead of r.
func (f *Fallback) isPaused(r *replacement, own ownPod) bool {
	now := f.node.Now()
	switch {
	case r.failed.IsZero():
		return false
	case r.runs.IsZero() && f.node.Runs(own.uid):
		r.runs = now
	}
	if r.runs.IsZero() {
		return now.Before(r.failed.Add(LongestPause))
	}
	return now.Before(r.runs.Add(r.pause))
}

var digest = regexp.MustCompile(`@(sha256:[0-9a-f]{64})`)

// lacksImage reports whether a manifest names an image by a digest that is not in the store.
func (f *Fallback) lacksImage(manifest []byte) bool {
	return slices.ContainsFunc(digest.FindAllSubmatch(manifest, -1), func(found [][]byte) bool { return !f.node.Stored(string(found[1])) })
}

// boot begins the first round of a boot, in which there is no network yet: what would have to be pulled waits without a
// try. Kubelet takes up to a minute to put another static pod in the place of one that failed.
func (f *Fallback) boot() (end func()) {
	if f == nil {
		return func() {}
	}
	set := func(booting bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.booting = booting
	}
	set(true)
	return func() { set(false) }
}

// Waiting returns the files in whose place the image's own pods are offered.
func (f *Fallback) Waiting() (files []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, r := range f.replaced {
		if f.isPaused(r, f.own[name]) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// round begins a round of Sync and returns what ends it.
func (f *Fallback) round() (end func()) {
	if f == nil {
		return func() {}
	}
	f.syncing.Lock()
	return f.syncing.Unlock
}
