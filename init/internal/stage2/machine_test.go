package stage2

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

func TestHostJSONHasTheFormOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/host.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []json.RawMessage
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 3 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, vector := range vectors {
		var state hostState
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
