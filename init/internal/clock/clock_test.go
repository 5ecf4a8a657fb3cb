package clock

import (
	"testing"
	"time"
)

func TestASavedTimeIsABoundOnlyIfItIsPlausible(t *testing.T) {
	build := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2027-03-01T12:00:00Z\n":        time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC),
		"2027-03-01T12:00:00.5+01:00":   time.Date(2027, 3, 1, 11, 0, 0, 500_000_000, time.UTC),
		"2046-11-25T23:59:59Z":          time.Date(2046, 11, 25, 23, 59, 59, 0, time.UTC),
		"2000-01-01T00:00:00Z":          time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), // an older image's: no bound, but no fault
		"2046-11-26T00:00:00Z":          {},
		"9999-12-31T23:59:59Z":          {},
		"":                              {},
		"1800000000":                    {},
		"2027-03-01T12:00:00Z\n2027-03": {},
	} {
		saved, err := ParseSaved(text, build)
		if !saved.Equal(want) || (err != nil) != want.IsZero() {
			t.Errorf("%q: %v %v", text, saved, err)
		}
	}
	if _, err := ParseSaved("2027-03-01T12:00:00Z", time.Time{}); err == nil {
		t.Error("a saved time counts without a build time")
	}
}

func TestAClockThatCannotBeRightIsSetToTheBuildTime(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		build time.Time
		set   bool
	}{
		"before the build":            {now.Add(time.Hour), true},
		"decades before it":           {now.AddDate(56, 0, 0), true},
		"at it":                       {now, false},
		"nineteen years after it":     {now.AddDate(-19, 0, 0), false},
		"twenty years after it":       {now.AddDate(-20, 0, -1), true},
		"in 2100 for one of 2026":     {now.AddDate(-74, 0, 0), true},
		"without a build time to ask": {time.Time{}, false},
	} {
		var sets []time.Time
		did, err := Bound(c.build, func(to time.Time) error {
			sets = append(sets, to)
			return nil
		})
		if err != nil || did != c.set || (len(sets) == 1) != c.set {
			t.Errorf("%s: %v %v, set to %v", name, did, err, sets)
		}
		if c.set && !sets[0].Equal(c.build) {
			t.Errorf("%s: set to %v, not to %v", name, sets[0], c.build)
		}
	}
}
