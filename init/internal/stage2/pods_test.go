package stage2

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAFaultIsReportedOnceAndNoneCanFloodTheLog(t *testing.T) {
	now := time.Unix(1000, 0)
	var said []string
	report := reportChanges(func() time.Time { return now }, func(err error) { said = append(said, err.Error()) })
	one, two := errors.New("one"), errors.New("two")

	report(one)
	report(one)
	now = now.Add(time.Hour)
	report(one)
	if len(said) != 1 {
		t.Fatalf("the same fault: %v", said)
	}
	for range 1000 { // made and removed for a minute
		now = now.Add(60 * time.Millisecond)
		report(two)
		report(nil)
		report(one)
	}
	if len(said) > 8 || said[1] != "two" {
		t.Errorf("%d lines: %v", len(said), said)
	}
	now = now.Add(faultPace)
	report(two)
	if said[len(said)-1] != "two" {
		t.Errorf("a fault that stays was not said: %v", said)
	}
}

func TestARefusedPodIsReportedOnceAndManyDoNotFloodTheLog(t *testing.T) {
	now := time.Unix(1000, 0)
	var said []string
	follow := followRefusals(func() time.Time { return now }, func(what, cause string) { said = append(said, what+": "+cause) })
	refuse := func(name, cause string) {
		follow(fmt.Appendf(nil, `E1126 1 file.go:186] "Could not process manifest file" err=%q path=%q`+"\n", cause, "/run/kios/manifests/"+name))
	}
	follow([]byte("I1126 1 kubelet.go:1] \"Starting kubelet\"\n"))
	refuse("a.yaml", "one")
	refuse("a.yaml", "one")
	refuse("a.yaml", "two")
	if len(said) != 2 || said[1] != "a.yaml: two" {
		t.Fatalf("%v", said)
	}
	for range 3 { // kubelet repeats what it refuses
		for i := range 20 {
			refuse(fmt.Sprintf("b%02d.yaml", i), "broken")
		}
		now = now.Add(20 * time.Second)
	}
	if len(said) != refusalsAMinute {
		t.Errorf("in a minute: %v", said)
	}
	now = now.Add(time.Minute)
	refuse("b19.yaml", "broken")
	if said[len(said)-1] != "b19.yaml: broken" {
		t.Errorf("what was held back is not said later: %v", said)
	}
}

func TestTheFirstPodsAreWaitedForFromTheMomentKubeletIsReady(t *testing.T) {
	for name, c := range map[string]struct {
		readyAfter time.Duration // 0: never
		want       time.Duration
	}{
		"a quick machine":           {time.Second, time.Second + firstPatience},
		"a slow machine":            {readyPatience - time.Second, readyPatience - time.Second + firstPatience},
		"a kubelet that never runs": {0, readyPatience},
	} {
		start := time.Unix(1000, 0)
		now := start
		over := patience(func() time.Time { return now }, func() bool {
			return c.readyAfter != 0 && now.Sub(start) >= c.readyAfter
		})
		for !over() {
			now = now.Add(500 * time.Millisecond)
		}
		if got := now.Sub(start); got != c.want {
			t.Errorf("%s: over after %v, want %v", name, got, c.want)
		}
	}
}

func TestPodsThatNeverLogDoNotKeepTheOthersFromStarting(t *testing.T) {
	calls := 0
	over := func() bool { calls++; return calls > 2 }
	if late := awaitAll([]string{"one", "two"}, func(name string) bool { return name == "one" }, over); !late || calls != 3 {
		t.Errorf("late %v after %d looks", late, calls)
	}
	if awaitAll([]string{"one"}, func(string) bool { return true }, func() bool { return true }) {
		t.Error("late, although all have logged")
	}
}
