package stage2

import (
	"testing"
	"time"
)

func TestAPageIsShownWhenItIsAnotherOneAndNowAndThen(t *testing.T) {
	var p page
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		after time.Duration
		text  string
		want  bool
	}{
		{0, "a", true},
		{time.Second, "a", false},
		{2 * time.Second, "b", false}, // too soon
		{leastPause, "b", true},
		{leastPause + lookEvery, "b", false},
		{leastPause + showEvery, "b", true},
		{leastPause + showEvery + leastPause, "a", true},
	} {
		if got := p.isDue(c.text, start.Add(c.after)); got != c.want {
			t.Errorf("%v after the start, %q: %v", c.after, c.text, got)
		}
	}
}
