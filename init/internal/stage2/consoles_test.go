package stage2

import (
	"os"
	"path/filepath"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestTheStatusNamesWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		addresses  []string
		want       string
	}{
		{"(none)", "", nil, "kiOS 1.2  |  no address  |  starting"},
		{"node-1", "standalone", []string{"192.0.2.7"}, "kiOS 1.2  |  node-1  |  192.0.2.7  |  standalone"},
		{"node-1", "cluster", []string{"192.0.2.7", "2001:db8::7"}, "kiOS 1.2  |  node-1  |  192.0.2.7, 2001:db8::7  |  cluster"},
	} {
		if got := formatStatus("1.2", c.name, c.addresses, c.mode); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAddressesOfTheHostsLinksAreShown(t *testing.T) {
	sys, proc := t.TempDir(), t.TempDir()
	for path, content := range map[string]string{
		sys + "/eth0/device/vendor": "0x8086", sys + "/eth0/netdev_group": "0",
		sys + "/bond0.20/netdev_group": "7039343\n",                         // of the network file, on an isolated network
		sys + "/br-ex/netdev_group":    "0", sys + "/br6/netdev_group": "0", // of a pod network
		sys + "/cni0/netdev_group": "0", sys + "/lo/netdev_group": "0",
		proc + "/route": "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
			"br-ex\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\ncni0\t0000580A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
		proc + "/ipv6_route": "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     cni0\n" +
			"00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003      br6\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, want := range map[string]bool{"eth0": true, "bond0.20": true, "br-ex": true, "br6": true, "cni0": false, "lo": false, "gone": false} {
		if got := isHosts(sys, proc, link); got != want {
			t.Errorf("%s: %v", link, got)
		}
	}
	if got := addresses(t.TempDir(), t.TempDir()); len(got) != 0 { // nothing is known of any link there
		t.Errorf("%v", got)
	}
}

func TestInitKnowsTheGroupOfTheDHCPAgentsLinks(t *testing.T) {
	vector := testvector.Read[struct{ Group int }](t, "links.json")
	if vector.Group != madeByDHCP {
		t.Errorf("%d is not %d", madeByDHCP, vector.Group)
	}
}
