package stage2

import "testing"

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

func TestOnlyCardsHaveAddressesToShow(t *testing.T) {
	if got := addresses(t.TempDir()); len(got) != 0 { // no link has a device there
		t.Errorf("%v", got)
	}
}
