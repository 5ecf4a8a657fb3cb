package machine

import "testing"

func TestSecureBootIsOnWhenTheVariableSaysSo(t *testing.T) {
	for _, c := range []struct {
		variable string
		on       bool
	}{{"\x06\x00\x00\x00\x01", true}, {"\x06\x00\x00\x00\x00", false}, {"", false}, {"\x01", false}} {
		if got := isOn([]byte(c.variable)); got != c.on {
			t.Errorf("%x: %v", c.variable, got)
		}
	}
}
