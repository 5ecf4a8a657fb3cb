package stage2

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kios.dev/init/internal/cmdline"
	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/lastrun"
	"kios.dev/init/internal/shutdown"
	"kios.dev/init/internal/supervise"
	"kios.dev/init/internal/watchdog"
)

// living returns a host whose programs are never started, its record's folder, and what it has said.
func living(t *testing.T) (h *host, dir string, said func() string) {
	var console bytes.Buffer
	log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	h = &host{
		log: log, containerd: &supervise.Child{}, kubelet: &supervise.Child{},
		life: &life{device: &watchdog.Device{Timeout: time.Minute}, monitor: watchdog.NewMonitor(0), run: lastrun.NewKeeper(dir, lastrun.Record{})},
	}
	said = func() string {
		log.Flush(time.Second)
		text := console.String()
		console.Reset()
		return text
	}
	return h, dir, said
}

// state waits for the record on the disk.
func state(t *testing.T, dir string, want lastrun.State) lastrun.Record {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		r, err := lastrun.Read(dir)
		if err == nil && r != nil && r.State == want {
			return *r
		}
		if time.Now().After(end) {
			t.Fatalf("the record is %+v, %v, and not %s", r, err, want)
		}
	}
}

// silent has kubelet answer for the last time so long ago, while containerd answers.
func silent(h *host, ago time.Duration) {
	now := time.Now()
	h.life.monitor.Answered(watchdog.Kubelet, now.Add(-ago))
	for at := now.Add(-ago); at.Before(now); at = at.Add(watchdog.Interval) {
		h.life.monitor.Answered(watchdog.Containerd, at)
		h.life.monitor.Look(at)
	}
	h.life.monitor.Answered(watchdog.Containerd, now)
}

func TestASilentKubeletIsToldWithItsCode(t *testing.T) {
	h, _, said := living(t)
	now := time.Now()
	h.life.monitor.Answered(watchdog.Kubelet, now.Add(-3*time.Minute))
	h.beat(now)
	text := said()
	for _, part := range []string{`"ev":"program.hung"`, `"child":"kubelet"`, `"restarts":1`, `"code":"KIOS_INIT_HANG"`, `it has been silent for 180 s`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}
	h.answered(watchdog.Kubelet)
	h.beat(time.Now())
	if text := said(); !strings.Contains(text, `"ev":"program.answers","child":"kubelet"`) || h.life.starved {
		t.Error(text)
	}
}

func TestALostProgramStarvesTheWatchdogAndIsRecordedUntilItAnswers(t *testing.T) {
	h, dir, said := living(t)
	h.life.previous = &lastrun.Record{State: lastrun.Starved, Starvations: 2}
	silent(h, 20*time.Minute)
	h.beat(time.Now())
	h.beat(time.Now())
	r := state(t, dir, lastrun.Starved)
	if r.Starvations != 3 || r.Code != fault.Hang || !strings.HasPrefix(r.Cause, "kubelet did not answer") {
		t.Errorf("%+v", r)
	}
	if text := said(); strings.Count(text, `"ev":"program.lost"`) != 1 || !strings.Contains(text, "The watchdog resets the machine.") {
		t.Error(text)
	}
	h.answered(watchdog.Kubelet)
	h.beat(time.Now())
	if r := state(t, dir, lastrun.Running); r.Code != "" || r.Cause != "" {
		t.Errorf("%+v", r)
	}
}

func TestWithoutAWatchdogALostProgramIsToldOnly(t *testing.T) {
	h, dir, said := living(t)
	h.life.device = nil
	silent(h, 20*time.Minute)
	h.beat(time.Now())
	if text := said(); !strings.Contains(text, "The machine has no watchdog") {
		t.Error(text)
	}
	if entries, err := os.ReadDir(dir); len(entries) != 0 || err != nil {
		t.Error(entries, err)
	}
}

func TestAnOrderedStopIsRecordedAndJudgesNobody(t *testing.T) {
	h, dir, said := living(t)
	silent(h, 20*time.Minute)
	said()
	h.beginStop(shutdown.Reboot, 0)
	if r := state(t, dir, lastrun.Stopping); r.Action != "reboot" {
		t.Errorf("%+v", r)
	}
	h.beat(time.Now())
	if text := said(); text != "" {
		t.Error(text)
	}
	if err := h.recordEnd(); err != nil {
		t.Fatal(err)
	}
	end := lastrun.Explain(lastrun.Evidence{Record: func() *lastrun.Record { r := state(t, dir, lastrun.Ended); return &r }()})
	if end.Reason != lastrun.Reboot {
		t.Error(end)
	}
}

func TestAFaultThatEndsInitIsRecorded(t *testing.T) {
	h, dir, _ := living(t)
	h.recordFault(fault.New(fault.Cgroup, "prepare control groups", "x", errors.New("no")))
	if r := state(t, dir, lastrun.Failed); r.Code != fault.Cgroup || r.Cause != "prepare control groups: no" {
		t.Errorf("%+v", r)
	}
	early := &host{log: h.log, life: &life{}}
	early.recordFault(errors.New("before the data partition")) // has no place, and does not fail
}

func TestADiskThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, disk := time.Now(), make(chan struct{})
		atMost(time.Minute, func() { time.Sleep(time.Second) })
		if took := time.Since(begin); took != time.Second {
			t.Errorf("a disk that answers takes %v", took)
		}
		atMost(time.Minute, func() { <-disk })
		if took := time.Since(begin); took != time.Minute+time.Second {
			t.Errorf("a disk that hangs takes %v", took)
		}
		close(disk)
	})
}

func TestKubeletPingsUnlessTheWatchdogIsOff(t *testing.T) {
	h, _, _ := living(t)
	if got := h.pings(); len(got) != 1 || got[0] != "WATCHDOG_USEC=60000000" {
		t.Error(got)
	}
	h.options = cmdline.Parse("kios.watchdog=off")
	if got := h.pings(); got != nil {
		t.Error(got)
	}
}
