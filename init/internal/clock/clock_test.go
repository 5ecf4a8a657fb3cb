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
