package slots

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

func TestSlotsJSONHasTheFormOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/slots.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []json.RawMessage
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 4 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, vector := range vectors {
		var state State
		decoder := json.NewDecoder(bytes.NewReader(vector))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&state); err != nil {
			t.Errorf("%s: %v", vector, err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, vector); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(state); err != nil || string(got) != want.String() {
			t.Errorf("written %s (%v), the vector is %s", got, err, want.String())
		}
	}
}

// Each word that the bootstrap agent may say leads to a judgement of its own.
func TestTheAgentsWordsAreThoseOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/node.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ State Membership }
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
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
