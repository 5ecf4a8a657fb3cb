package kubelet

import (
	"testing"
	"time"
)

func TestGracePeriod(t *testing.T) {
	for line, want := range map[string]time.Duration{
		`I1128 23:59:17.000000       1 nodeshutdown_manager_linux.go:119] "Creating node shutdown manager" shutdownGracePeriodRequested="1m30s" shutdownGracePeriodCriticalPods="30s" shutdownGracePeriodByPodPriority=[{"Priority":0,"ShutdownGracePeriodSeconds":60},{"Priority":2000000000,"ShutdownGracePeriodSeconds":30}]`: 90 * time.Second,
		`{"ts":1795910357000.1,"caller":"nodeshutdown/nodeshutdown_manager_linux.go:119","msg":"Creating node shutdown manager","v":0,"shutdownGracePeriodRequested":"5m0s","shutdownGracePeriodByPodPriority":[{"Priority":0,"ShutdownGracePeriodSeconds":270},{"Priority":2000000000,"ShutdownGracePeriodSeconds":30}]}`:       300 * time.Second,
		`"Creating node shutdown manager" shutdownGracePeriodByPodPriority=[{"Priority":0,"ShutdownGracePeriodSeconds":99999999999}]`:                                                                                                                                                                                            0,
		`"Creating node shutdown manager"`: 0,
		`"Another line" shutdownGracePeriodByPodPriority=[{"Priority":0,"ShutdownGracePeriodSeconds":60}]`: 0,
		`"Creating node shutdown manager" [{"ShutdownGracePeriodSeconds":`:                                 0,
		"": 0,
	} {
		if got, ok := GracePeriod([]byte(line)); got != want || ok != (want > 0) {
			t.Errorf("%v %v of %s", got, ok, line)
		}
	}
}
