package stage2

import (
	"slices"
	"sync"
	"time"
)

// runtimeProxy is the proxy with which containerd runs.
type runtimeProxy struct {
	mutex    sync.Mutex
	words    []string
	isServed bool
}

// starts notes the words of a start of containerd and returns them.
func (p *runtimeProxy) starts(words []string) []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.words, p.isServed = words, false
	return words
}

// serves notes that containerd serves since its last start.
func (p *runtimeProxy) serves() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.isServed = true
}

// is reports whether containerd was last started with these words, and whether it serves since.
func (p *runtimeProxy) is(words []string) (started, served bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	started = slices.Equal(p.words, words)
	return started, started && p.isServed
}

// follow restarts containerd if it runs with another proxy than kubelet is to have, and waits until it serves or the
// machine stops: a kubelet that finds no runtime ends. Containers run on.
func (p *runtimeProxy) follow(words []string, restart func(), stopping func() bool, patience time.Duration) {
	if started, _ := p.is(words); started {
		return
	}
	restart()
	for end := time.Now().Add(patience); time.Now().Before(end) && !stopping(); time.Sleep(20 * time.Millisecond) {
		if _, served := p.is(words); served {
			return
		}
	}
}
