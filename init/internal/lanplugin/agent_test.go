package lanplugin

import (
	"encoding/json"
	"strings"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestLinesAgreeWithTheSharedVectors(t *testing.T) {
	vectors := testvector.Read[struct {
		Requests []struct {
			Line     string
			Accepted bool
		}
		Replies []string
	}](t, "lan.json")
	if len(vectors.Requests) == 0 || len(vectors.Replies) == 0 {
		t.Fatal("there are no vectors")
	}
	for _, v := range vectors.Requests {
		if v.Accepted {
			agrees[Request](t, v.Line)
		}
	}
	for _, line := range vectors.Replies {
		agrees[Reply](t, line)
	}
}

// agrees checks that the type has each field of the line, and makes the same line of it.
func agrees[T any](t *testing.T, line string) {
	t.Helper()
	var value T
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	again, err := json.Marshal(value)
	if err != nil || string(again) != line {
		t.Errorf("%s becomes %s (%v)", line, again, err)
	}
}
