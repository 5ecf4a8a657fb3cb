package seed

import (
	"strings"
	"testing"
)

func TestTheNetworkFileOfTheHighestPlaceCounts(t *testing.T) {
	const boot, cloud, drive = "boot/network.yaml", "cidata/network-config", "config-2/openstack/latest/network_data.json"
	tooLong := strings.Repeat("x", MaxNetwork+1)
	for _, c := range []struct {
		name    string
		files   map[string]string
		source  string
		content string
		says    []string // one line each
	}{
		{"there is none", nil, "", "", nil},
		{"the folder kios", map[string]string{boot: "b"}, "boot", "b", nil},
		{"NoCloud", map[string]string{cloud: "c"}, "nocloud", "c", nil},
		{"a config drive", map[string]string{drive: "{}"}, "config-2", "{}", nil},
		{"all of them", map[string]string{boot: "b", cloud: "c", drive: "{}"}, "boot", "b",
			[]string{"boot partition is used and not NoCloud's network-config", "boot partition is used and not network_data.json"}},
		{"two", map[string]string{cloud: "c", drive: "{}"}, "nocloud", "c", []string{"network-config is used and not network_data.json"}},
		{"Imager's file of comments", map[string]string{cloud: "# Wi-Fi\n\n  # none\n"}, "", "", nil},
		{"a file of comments in kios", map[string]string{boot: "# network:\n", cloud: "c"}, "nocloud", "c", nil},
		{"what cannot be read lets nothing else count", map[string]string{boot: tooLong, cloud: "c"}, "boot", "",
			[]string{"seed.failed", "boot partition is used and not NoCloud's"}},
		{"a folder in its place", map[string]string{boot + "/": ""}, "boot", "", []string{"not a regular file"}},
	} {
		folder := t.TempDir()
		put(t, folder, map[string]string{"boot/": "", "cidata/": "", "config-2/": ""})
		put(t, folder, c.files)
		var log lines
		found := findNetwork(networkPlaces(folder+"/boot", folder+"/cidata", folder+"/config-2"), &log)
		if found.Source != c.source || string(found.Content) != c.content {
			t.Errorf("%s: %s %.20q", c.name, found.Source, found.Content)
		}
		if len(log.said) != len(c.says) {
			t.Errorf("%s: it says %q", c.name, log.said)
			continue
		}
		for i, want := range c.says {
			if !strings.Contains(log.said[i], want) {
				t.Errorf("%s: it says %q, want %q", c.name, log.said[i], want)
			}
		}
	}
}

func TestPlacesThatAreNotThereAreNoFault(t *testing.T) {
	var log lines
	if found := findNetwork(networkPlaces(t.TempDir()+"/none", "", ""), &log); found.Source != "" || len(log.said) > 0 {
		t.Errorf("%+v %q", found, log.said)
	}
}
