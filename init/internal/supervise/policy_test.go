package supervise

import (
	"testing"
	"time"
)

func TestNextRestartDoublesToAMinute(t *testing.T) {
	var h History
	for i, want := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		var wait time.Duration
		if wait, h = NextRestart(h, Exit{Code: 1, Lived: time.Second}); wait != time.Duration(want)*time.Second {
			t.Errorf("restart %d waits %v, want %d s", i, wait, want)
		}
	}
}

func TestNextRestartForgetsAfterALongLife(t *testing.T) {
	for _, c := range []struct {
		name string
		exit Exit
		want time.Duration
	}{
		{"no wait after a long life", Exit{Code: -1, Signal: "SIGKILL", Lived: longLife}, 0},
		{"a wait after a life that is just too short", Exit{Code: -1, Signal: "SIGKILL", Lived: longLife - 1}, time.Minute},
		{"no wait for a request", Exit{Requested: true}, 0},
	} {
		wait, h := NextRestart(History{Wait: time.Minute}, c.exit)
		if wait != c.want {
			t.Errorf("%s: %v", c.name, wait)
		}
		if again, _ := NextRestart(h, Exit{Code: 1}); c.want == 0 && again != firstWait {
			t.Errorf("%s: the one after waits %v", c.name, again)
		}
	}
}

func TestEarlyEndsAreCountedUntilTheChildServes(t *testing.T) {
	early, long, asked := Exit{Code: 1, Lived: time.Second}, Exit{Code: 1, Lived: longLife}, Exit{Requested: true}
	for _, c := range []struct {
		name   string
		exits  []Exit
		ends   int
		served bool
	}{
		{"never worked", []Exit{early, early, early}, 3, false},
		{"worked long", []Exit{early, long, early}, 1, true},
		{"was asked to restart", []Exit{asked, early, early}, 2, true},
	} {
		var h History
		for _, exit := range c.exits {
			_, h = NextRestart(h, exit)
		}
		if h.EarlyEnds != c.ends || h.Served != c.served {
			t.Errorf("%s: %+v", c.name, h)
		}
	}
}

func TestRequestsAreDelayedNotDropped(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		last time.Time
		want time.Duration
	}{
		{time.Time{}, 0}, {now.Add(-5 * time.Second), 0}, {now.Add(-time.Second), 0}, {now.Add(-300 * time.Millisecond), 700 * time.Millisecond}, {now, time.Second},
	} {
		if got := RequestDelay(c.last, now); got != c.want {
			t.Errorf("last %v: %v, want %v", c.last, got, c.want)
		}
	}
}
