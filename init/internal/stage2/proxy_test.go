package stage2

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func runs() bool { return false }

func TestContainerdIsRestartedOnceForAnotherProxy(t *testing.T) {
	var p runtimeProxy
	a, b := []string{"HTTP_PROXY=http://a:1"}, []string{"HTTP_PROXY=http://b:1"}
	restarts := 0
	restart := func(words []string) func() {
		return func() {
			restarts++
			go func() {
				p.starts(words)
				p.serves()
			}()
		}
	}
	p.starts(nil)
	p.serves()
	for _, step := range []struct {
		words []string
		want  int
	}{{nil, 0}, {a, 1}, {a, 1}, {b, 2}, {nil, 3}, {[]string{}, 3}} {
		p.follow(step.words, restart(step.words), runs, time.Minute)
		if _, served := p.is(step.words); restarts != step.want || !served {
			t.Fatalf("%q: %d restarts, want %d; it serves: %t", step.words, restarts, step.want, served)
		}
	}
}

func TestAStopEndsTheWaitForContainerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p runtimeProxy
		var stopping atomic.Bool
		time.AfterFunc(5*time.Second, func() { stopping.Store(true) })
		begin := time.Now()
		p.follow([]string{"HTTP_PROXY=http://a:1"}, func() {}, stopping.Load, time.Hour)
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestKubeletStartsThoughContainerdDoesNotCome(t *testing.T) {
	var p runtimeProxy
	p.starts(nil)
	p.follow([]string{"HTTP_PROXY=http://a:1"}, func() { p.starts([]string{"HTTP_PROXY=http://a:1"}) }, runs, time.Millisecond)
	if _, served := p.is([]string{"HTTP_PROXY=http://a:1"}); served {
		t.Error("a containerd that has started counts as one that serves")
	}
}
