package hostapi

import (
	"testing"
	"time"
)

func TestALimiterLetsItsNumberThroughInAWindowAndCountsTheRest(t *testing.T) {
	l := limiter{limit: 20, window: time.Second}
	now := time.Unix(100, 0)
	passed := 0
	for range 50 {
		if ok, _ := l.allow(now); ok {
			passed++
		}
	}
	if passed != 20 {
		t.Errorf("%d passed", passed)
	}
	if ok, lost := l.allow(now.Add(time.Second)); !ok || lost != 30 {
		t.Errorf("a second later: %v, %d lost", ok, lost)
	}
}

func TestALossIsReportedOnceAMinute(t *testing.T) {
	l := limiter{limit: 1, window: time.Second}
	reports, lost := 0, 0
	for second := range 181 {
		for range 3 {
			if _, n := l.allow(time.Unix(int64(100+second), 0)); n > 0 {
				reports++
				lost += n
			}
		}
	}
	// The first loss is known in the second after it; the next reports follow a minute apart.
	if reports != 3 || lost != 2+2*60+2*60 {
		t.Errorf("%d reports of %d lost", reports, lost)
	}
}
