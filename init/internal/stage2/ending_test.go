package stage2

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/login1"
	"kios.dev/init/internal/shutdown"
)

// fakeMachine notes what is done to it. Its pods end when the test says so, or when the wait for them is cut short.
type fakeMachine struct {
	did  []string
	ends chan login1.Outcome
}

func (m *fakeMachine) note(format string, words ...any) {
	m.did = append(m.did, fmt.Sprintf(format, words...))
}

func (m *fakeMachine) broadcast(event byte) { m.note("event %d", event) }
func (m *fakeMachine) callOff()             { m.note("call off") }
func (m *fakeMachine) stop(action shutdown.Action, pods login1.Outcome) {
	m.note("stop for %s, pods %s", action, pods)
}

func (m *fakeMachine) prepareStop(action shutdown.Action, cut <-chan struct{}) <-chan login1.Outcome {
	m.note("prepare %s", action)
	m.ends = make(chan login1.Outcome, 1)
	ended := make(chan login1.Outcome, 1)
	go func() {
		select {
		case outcome := <-m.ends:
			ended <- outcome
		case <-cut:
			ended <- login1.Cut
		}
	}()
	return ended
}

func TestAnEnding(t *testing.T) {
	const soft, goOn, off, reboot, callOff = hostapi.SoftShutdown, hostapi.ContinueShutdown, hostapi.PowerOff, hostapi.Reboot, hostapi.CallOffShutdown
	for _, c := range []struct {
		commands []hostapi.Command
		did      string
	}{
		{[]hostapi.Command{reboot}, "prepare reboot"},
		{[]hostapi.Command{reboot, reboot}, "prepare reboot"},
		{[]hostapi.Command{reboot, goOn}, "prepare reboot; stop for reboot, pods cut-short"},
		{[]hostapi.Command{reboot, off, goOn}, "prepare reboot; stop for power-off, pods cut-short"},
		{[]hostapi.Command{soft}, "event 1"},
		{[]hostapi.Command{soft, soft, goOn}, "event 1; prepare power-off"},
		{[]hostapi.Command{soft, goOn, goOn}, "event 1; prepare power-off; stop for power-off, pods cut-short"},
		{[]hostapi.Command{soft, callOff, goOn}, "event 1; event 2"},
		{[]hostapi.Command{off, callOff, goOn}, "prepare power-off; call off; event 2"},
		{[]hostapi.Command{off, callOff, reboot}, "prepare power-off; call off; event 2; prepare reboot"},
		{[]hostapi.Command{callOff, goOn, hostapi.RestartKubelet}, ""},
		{[]hostapi.Command{off, hostapi.RestartKubelet}, "prepare power-off"},
	} {
		m := &fakeMachine{}
		e := ending{machine: m}
		for _, command := range c.commands {
			e.take(command)
		}
		if got := strings.Join(m.did, "; "); got != c.did {
			t.Errorf("%v: %s", c.commands, got)
		}
		if want := e.state.Phase == shutdown.Announced; (e.soft != nil) != want {
			t.Errorf("%v: the announcement is timed: %v", c.commands, !want)
		}
		if e.state.Phase == shutdown.Running && e.pods != nil {
			t.Errorf("%v: it still waits for pods", c.commands)
		}
	}
}

func TestTheMachineStopsWhenKubeletHasEndedThePods(t *testing.T) {
	m := &fakeMachine{}
	e := ending{machine: m}
	e.take(hostapi.Reboot)
	m.ends <- login1.Done
	e.finish(<-e.pods)
	e.take(hostapi.CallOffShutdown)
	if want := []string{"prepare reboot", "stop for reboot, pods done"}; !reflect.DeepEqual(m.did, want) {
		t.Errorf("%q", m.did)
	}
}

func TestAnAnnouncementEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := ending{machine: &fakeMachine{}}
		e.take(hostapi.SoftShutdown)
		start := time.Now()
		<-e.soft
		if took := time.Since(start); took != softWait {
			t.Errorf("after %v", took)
		}
	})
}

func TestKubeletHasTheTimeThatItGivesToPods(t *testing.T) {
	var g grace
	if got := g.limit(); got != login1.Longest {
		t.Errorf("not known: %v", got)
	}
	for period, want := range map[string]time.Duration{"60": 75 * time.Second, "90000": login1.Longest} {
		g.line([]byte(`"Creating node shutdown manager" shutdownGracePeriodByPodPriority=[{"Priority":0,"ShutdownGracePeriodSeconds":` + period + `}]`))
		g.line([]byte(`"Another line"`))
		if got := g.limit(); got != want {
			t.Errorf("%s: %v", period, got)
		}
	}
	h := host{}
	h.grace.period.Store(int64(time.Minute))
	if !slices.Contains(h.kubeletEnvironment(), "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/kios/.login1") || h.grace.limit() != login1.Longest {
		t.Error("a kubelet that starts begins with what the one before said")
	}
	if slices.ContainsFunc(environment(), func(word string) bool { return strings.HasPrefix(word, "DBUS") }) {
		t.Error("containerd knows the bus too")
	}
}

func TestContainersHaveTheirGracePeriodWhereKubeletGaveNone(t *testing.T) {
	for outcome, want := range map[login1.Outcome]time.Duration{
		login1.Done: politeLimit, login1.Cut: politeLimit,
		login1.Hung: abruptLimit, login1.Deadline: abruptLimit, login1.Absent: abruptLimit,
	} {
		if got := containerLimit(outcome); got != want {
			t.Errorf("%s: %v", outcome, got)
		}
	}
}
