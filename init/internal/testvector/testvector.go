// Package testvector reads the vectors that init shares with the agents and with the build.
package testvector

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Path returns the path of a file of vectors, from the folder of a test.
func Path(name string) string {
	return filepath.Join("..", "..", "..", "packages", "host-api", "vectors", name)
}

// Text returns the content of a file of vectors.
func Text(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Read returns the vectors of a JSON file. A list without an entry is a fault, because its test would check nothing.
func Read[T any](t *testing.T, name string) (vectors T) {
	t.Helper()
	if err := json.Unmarshal(Text(t, name), &vectors); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	value := reflect.ValueOf(vectors)
	if isEmpty(value) {
		t.Fatalf("%s has no vectors", name)
	}
	if value.Kind() == reflect.Struct {
		for i := range value.NumField() {
			if isEmpty(value.Field(i)) {
				t.Fatalf("%s has no vectors for %s", name, value.Type().Field(i).Name)
			}
		}
	}
	return vectors
}

func isEmpty(value reflect.Value) bool {
	return (value.Kind() == reflect.Slice || value.Kind() == reflect.Map) && value.Len() == 0
}

// Keep checks that T has the fields of each vector of a file and no others, and is written as the vector stands.
func Keep[T any](t *testing.T, name string) {
	t.Helper()
	for _, vector := range Read[[]json.RawMessage](t, name) {
		var state T
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
