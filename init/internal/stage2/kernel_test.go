package stage2

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChildrenShareNoCounterOfTheirUserWithPods(t *testing.T) {
	for name, resource := range map[string]int{"processes": unix.RLIMIT_NPROC, "pending signals": unix.RLIMIT_SIGPENDING} {
		if limit, ok := limits[resource]; !ok || limit.Cur != math.MaxUint64 || limit.Max != math.MaxUint64 {
			t.Errorf("%s: %v", name, limit)
		}
	}
}
