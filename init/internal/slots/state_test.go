package slots

import (
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestSlotsJSONHasTheFormOfTheVectors(t *testing.T) {
	testvector.Keep[State](t, "slots.json")
}

// Each word that the bootstrap agent may say leads to a judgement of its own.
func TestTheAgentsWordsAreThoseOfTheVectors(t *testing.T) {
	vectors := testvector.Read[[]struct{ State Membership }](t, "node.json")
	healthy := map[Membership]bool{Alone: true, Ready: true, Unknown: true, Joining: false, NotReady: false}
	for _, v := range vectors {
		want, known := healthy[v.State]
		if why := (Health{Membership: v.State, RunsGiven: true}).Why(); !known || (why == "") != want {
			t.Errorf("%q: %q", v.State, why)
		}
		delete(healthy, v.State)
	}
	if len(healthy) > 0 {
		t.Errorf("no vector has %v", healthy)
	}
}
