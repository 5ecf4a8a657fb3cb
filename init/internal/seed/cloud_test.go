package seed

import (
	"slices"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestOnACloudOnlyItsOwnVolumeGivesANetwork(t *testing.T) {
	machines := testvector.Read[[]struct {
		Name   string
		DMI    map[string]string
		Labels []string
	}](t, "clouds.json")
	for _, m := range machines {
		for _, label := range []string{noCloud, configDrive} {
			if got := givesNetwork(label, func(field string) string { return m.DMI[field] }); got != slices.Contains(m.Labels, label) {
				t.Errorf("%s: %s counts: %v", m.Name, label, got)
			}
		}
	}
}
