package stage2

import (
	"errors"
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
