package seed

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func TestOnACloudOnlyItsOwnVolumeGivesANetwork(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/clouds.json")
	var machines []struct {
		Name   string
		DMI    map[string]string
		Labels []string
	}
	if err == nil {
		err = json.Unmarshal(text, &machines)
	}
	if err != nil || len(machines) < 10 {
		t.Fatalf("%d machines: %v", len(machines), err)
	}
	for _, m := range machines {
		for _, label := range []string{noCloud, configDrive} {
			if got := givesNetwork(label, func(field string) string { return m.DMI[field] }); got != slices.Contains(m.Labels, label) {
				t.Errorf("%s: %s counts: %v", m.Name, label, got)
			}
		}
	}
}
