package stage2

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

type switchLog struct{ lines []string }

func (l *switchLog) Info(event string, fields ...any) {
	l.lines = append(l.lines, event+fmt.Sprint(fields[:2]))
}
func (l *switchLog) Warn(event string, fields ...any) {
	l.lines = append(l.lines, event+fmt.Sprint(fields[:2]))
}

// await waits on a machine whose clock goes on with each sleep. It returns what was told and how long it took.
func await(underWay func(at time.Duration) (pods, containers []string), stopsAt time.Duration) ([]string, time.Duration) {
	log, at := &switchLog{}, time.Duration(0)
	awaitStarts(log, func() ([]string, []string) { return underWay(at) }, func() bool { return at >= stopsAt },
		func() time.Time { return time.Unix(0, 0).Add(at) }, func(d time.Duration) { at += d })
	return log.lines, at
}

func TestARestartOfKubeletWaitsForStarts(t *testing.T) {
	const id = "0123456789abcdef"
	for name, test := range map[string]struct {
		underWay func(at time.Duration) (pods, containers []string)
		stopsAt  time.Duration
		told     []string
		took     time.Duration
	}{
		"no start": {
			func(time.Duration) ([]string, []string) { return nil, nil }, time.Hour, nil, 0,
		},
		"a pod that does not run, and then a container that is created and does not run": {
			func(at time.Duration) ([]string, []string) {
				switch {
				case at < time.Second:
					return []string{"kube-system/chrony"}, nil
				case at < 2*time.Second:
					return nil, []string{id}
				}
				return nil, nil
			}, time.Hour, []string{"kubelet.waits[pods [kube-system/chrony]]", "kubelet.waited[ms 2000]"}, 2 * time.Second,
		},
		"a pod that cannot start": {
			func(time.Duration) ([]string, []string) { return []string{"default/other"}, nil }, time.Hour,
			[]string{"kubelet.waits[pods [default/other]]", "kubelet.late[seconds 20]"}, startsPatience,
		},
		"a machine that stops": {
			func(time.Duration) ([]string, []string) { return []string{"default/other"}, nil }, time.Second,
			[]string{"kubelet.waits[pods [default/other]]"}, time.Second,
		},
	} {
		if told, took := await(test.underWay, test.stopsAt); !slices.Equal(told, test.told) || took != test.took {
			t.Errorf("%s: %q after %v", name, told, took)
		}
	}
}

func TestRequestsBeforeARestartAreOne(t *testing.T) {
	s := kubeletSwitch{due: make(chan struct{})}
	over, waits := make(chan struct{}), make(chan bool, 3)
	for range 3 {
		s.begin(func() { waits <- true; <-over })
	}
	close(over)
	<-s.due
	if s.begun = false; len(waits) != 1 {
		t.Errorf("%d waits", len(waits))
	}
	s.begin(func() {})
	<-s.due
}
