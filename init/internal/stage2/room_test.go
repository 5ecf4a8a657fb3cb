package stage2

import (
	"strings"
	"testing"
)

func TestTheBallastIsGivenUpOnceWhileThePartitionStaysFull(t *testing.T) {
	for looks, want := range map[string]string{ // F is full
		"FFF":        "..!",
		"FFFFFFFFF":  "..!......",
		"FF.FF.FF.":  ".........",
		"FFF.FFF":    "..!...!",
		".........F": "..........",
	} {
		var watch roomWatch
		var got strings.Builder
		for _, look := range looks {
			if watch.look(look == 'F') {
				got.WriteByte('!')
			} else {
				got.WriteByte('.')
			}
		}
		if got.String() != want {
			t.Errorf("%s: %s, want %s", looks, got.String(), want)
		}
	}
}
