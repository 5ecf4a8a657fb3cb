package stage2

import (
	"slices"
	"testing"
	"time"

	"kios.dev/init/internal/slots"
)

func TestATrialEndsByABlessingOrByReboots(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name     string
		ill      bool
		blesses  int // the try at which the blessing works; 0 is never
		until    time.Duration
		over     time.Duration // 0 is not
		told     []string
		reboots  int
		blessing int // tries
	}{
		{"healthy", false, 1, 30 * minute, 3 * minute, nil, 0, 1},
		{"an entry that is renamed at the second try", false, 2, 30 * minute, 5*minute + slots.LookEvery, nil, 0, 2},
		{"never healthy, and each reboot is called off", true, 1, 18 * minute, 0, []string{"ill"}, 4, 0},
		{"an entry that is never renamed", false, 0, 18 * minute, 0, []string{"its entry cannot be renamed"}, 2, 8},
	} {
		var told []string
		reboots, tries := 0, 0
		trial := trial{
			bless:  func() bool { tries++; return tries == c.blesses },
			tell:   func(why string) { told = append(told, why) },
			reboot: func() { reboots++ },
		}
		over := time.Duration(0)
		for up := minute; up <= c.until && over == 0; up += slots.LookEvery {
			why := ""
			if c.ill {
				why = "ill"
			}
			if trial.look(up, why) {
				over = up
			}
		}
		if over != c.over || !slices.Equal(told, c.told) || reboots != c.reboots || tries != c.blessing {
			t.Errorf("%s: over at %v, told %q, %d reboots, %d tries", c.name, over, told, reboots, tries)
		}
	}
}
