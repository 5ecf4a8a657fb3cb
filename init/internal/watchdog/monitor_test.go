package watchdog

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// machine runs a monitor's clock and notes what it says.
type machine struct {
	*Monitor
	start, now time.Time
	said       []string
	fed        bool
}

func newMachine(resets int) *machine {
	start := time.Unix(1_000_000, 0)
	return &machine{Monitor: NewMonitor(resets), start: start, now: start}
}

// run lets so much time pass, while these programs answer.
func (m *machine) run(passing time.Duration, answering ...Program) {
	for end := m.now.Add(passing); m.now.Before(end); {
		m.now = m.now.Add(Interval)
		for _, p := range answering {
			m.Answered(p, m.now)
		}
		m.look()
	}
}

func (m *machine) look() {
	v := m.Look(m.now)
	m.fed = v.Hopeless == nil
	for _, hang := range v.Restart {
		both := ""
		if hang.Both {
			both = " with containerd"
		}
		m.said = append(m.said, fmt.Sprintf("%v %d%s at %v", hang.Program, hang.Restarts, both, m.now.Sub(m.start)))
		m.Started(hang.Program, m.now)
		if hang.Both {
			m.Started(Containerd, m.now)
		}
	}
}

func (m *machine) expect(t *testing.T, fed bool, said ...string) {
	t.Helper()
	if m.fed != fed || !slices.Equal(m.said, said) {
		t.Errorf("fed %v, said %q; want %v, %q", m.fed, m.said, fed, said)
	}
}

func TestWhileBothAnswerNothingIsRestarted(t *testing.T) {
	m := newMachine(0)
	m.run(24*time.Hour, Containerd, Kubelet)
	m.expect(t, true)
}

func TestAProgramThatWasNotStartedIsNotJudged(t *testing.T) {
	m := newMachine(0)
	m.run(time.Hour, Containerd)
	m.expect(t, true)
}

func TestAProgramThatHangsInItsStartIsRestartedToo(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.Started(Kubelet, m.now)
	m.run(9*time.Minute, Containerd)
	m.expect(t, true)
	m.run(time.Minute, Containerd)
	m.expect(t, true, "kubelet 1 at 11m0s")
	m.run(time.Hour, Containerd, Kubelet)
	m.expect(t, true, "kubelet 1 at 11m0s")
}

// Each start is another process, which has time of its own: a program that ends by itself does not hang.
func TestAProgramThatEndsAgainAndAgainDoesNotHang(t *testing.T) {
	m := newMachine(0)
	for range 20 {
		m.Started(Kubelet, m.now)
		m.run(5*time.Minute, Containerd)
	}
	m.expect(t, true)
}

func TestAPausedMachineForgivesAStartToo(t *testing.T) {
	m := newMachine(0)
	m.Started(Kubelet, m.now)
	m.run(time.Minute, Containerd)
	m.now = m.now.Add(3 * time.Hour)
	m.look()
	m.run(8*time.Minute, Containerd)
	m.expect(t, true)
}

func TestASilentKubeletIsRestartedAndThatIsAllWhenItHelps(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(3*time.Minute, Containerd)
	m.run(time.Hour, Containerd, Kubelet)
	m.expect(t, true, "kubelet 1 at 3m0s")
}

func TestKubeletIsNotBlamedWhileContainerdHangs(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(2*time.Minute+30*time.Second, Kubelet) // its pings go on for some time
	m.run(time.Minute)
	m.expect(t, true, "containerd 1 at 2m30s", "containerd 2 at 4m0s")
	m.run(110*time.Second, Containerd)
	m.expect(t, true, "containerd 1 at 2m30s", "containerd 2 at 4m0s")
	m.run(time.Minute, Containerd, Kubelet)
	m.expect(t, true, "containerd 1 at 2m30s", "containerd 2 at 4m0s")
}

func TestRestartsBackOffAndThenTheWatchdogStarves(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(11*time.Minute+50*time.Second, Containerd)
	restarts := []string{"kubelet 1 at 3m0s", "kubelet 2 with containerd at 5m0s", "kubelet 3 with containerd at 9m0s"}
	m.expect(t, true, restarts...)
	m.run(10*time.Second, Containerd)
	m.expect(t, false, restarts...)
	m.run(10*time.Second, Containerd, Kubelet) // in the last moment
	m.expect(t, true, restarts...)
}

// Kubelet pings from its start and stops when its main loop has hung for five minutes.
func TestARecoveryThatDoesNotLastIsTheSameTrouble(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(2*time.Minute, Containerd)
	m.run(5*time.Minute, Containerd, Kubelet)
	m.run(2*time.Minute, Containerd)
	m.run(5*time.Minute, Containerd, Kubelet)
	m.expect(t, true, "kubelet 1 at 3m0s", "kubelet 2 with containerd at 10m0s")
	restarts := []string{"kubelet 1 at 3m0s", "kubelet 2 with containerd at 10m0s", "kubelet 3 with containerd at 17m0s"}
	m.run(3*time.Minute+50*time.Second, Containerd)
	m.expect(t, true, restarts...) // the third may still help
	m.run(10*time.Second, Containerd)
	m.expect(t, false, restarts...)
}

func TestASilenceLongAfterARecoveryIsANewTrouble(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(2*time.Minute, Containerd)
	m.run(time.Hour, Containerd, Kubelet)
	m.run(2*time.Minute, Containerd)
	m.expect(t, true, "kubelet 1 at 3m0s", "kubelet 1 at 1h5m0s")
}

func TestAfterResetsThatDidNotHelpThePatienceIsLonger(t *testing.T) {
	for resets, want := range map[int]time.Duration{-1: 10 * time.Minute, 0: 10 * time.Minute, 1: 20 * time.Minute, 3: 80 * time.Minute, 99: 160 * time.Minute} {
		m := newMachine(resets)
		m.run(Interval, Containerd, Kubelet)
		for m.fed = true; m.fed && m.now.Sub(m.start) < 24*time.Hour; {
			m.run(Interval, Containerd)
		}
		if got := m.now.Sub(m.start) - kubeletLimit - Interval; got != want {
			t.Errorf("after %d resets the watchdog starves after %v, want %v", resets, got, want)
		}
	}
}

func TestATimeInWhichTheMachineStoodStillIsNoSilence(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.now = m.now.Add(3 * time.Hour) // a paused virtual machine
	m.look()
	m.run(time.Minute)
	m.expect(t, true)
	m.run(time.Minute)
	m.expect(t, true, "containerd 1 at 3h2m30s")
}

func TestATimeInWhichTheMachineStoodStillIsNotThatOfARestart(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(2*time.Minute, Containerd)
	m.run(10*time.Minute, Containerd, Kubelet)
	m.run(2*time.Minute, Containerd)
	m.now = m.now.Add(3 * time.Hour)
	m.look()
	m.run(time.Minute+30*time.Second, Containerd)
	m.expect(t, true, "kubelet 1 at 3m0s", "kubelet 2 with containerd at 15m0s")
	m.run(30*time.Second, Containerd)
	m.expect(t, false, "kubelet 1 at 3m0s", "kubelet 2 with containerd at 15m0s")
}

func TestInAnOrderedStopNobodyIsJudged(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.run(10 * time.Minute)
	m.said = nil
	m.Hold()
	m.run(time.Hour)
	m.expect(t, true)
}

func TestAfterAStopThatWasCalledOffSilencesBeginAnew(t *testing.T) {
	m := newMachine(0)
	m.run(time.Minute, Containerd, Kubelet)
	m.Hold()
	m.run(time.Hour)
	m.Resume(m.now)
	m.run(time.Minute, Containerd, Kubelet)
	m.expect(t, true)
	m.run(2 * time.Minute)
	m.expect(t, true, "containerd 1 at 1h3m30s")
}

func TestAnAnswerSaysWhetherTheProgramWasFoundHanging(t *testing.T) {
	m := newMachine(0)
	if m.Answered(Kubelet, m.now) {
		t.Error("the first answer was taken for a recovery")
	}
	m.run(3*time.Minute, Containerd)
	if !m.Answered(Kubelet, m.now) || m.Answered(Kubelet, m.now) {
		t.Error("a recovery is told once")
	}
}

func TestAProgramAnswersOnlyOnceItsOwnProcessHas(t *testing.T) {
	m, now := NewMonitor(0), time.Unix(1_700_000_000, 0)
	expect := func(want bool, at time.Duration) {
		t.Helper()
		if got := m.Answers(Kubelet, now.Add(at)); got != want {
			t.Errorf("after %v: %v", at, got)
		}
	}
	expect(false, 0)
	m.Started(Kubelet, now)
	expect(false, time.Second)
	m.Answered(Kubelet, now.Add(time.Second))
	expect(true, time.Minute)
	expect(false, time.Second+kubeletLimit)
	m.Started(Kubelet, now.Add(time.Minute))
	expect(false, time.Minute+time.Second)
	m.Hold()
	if !m.IsHeld() {
		t.Error("a machine that stops is not held")
	}
	m.Resume(now)
	if m.IsHeld() {
		t.Error("one that runs on is")
	}
}
