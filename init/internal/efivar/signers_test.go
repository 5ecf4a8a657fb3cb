package efivar

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

type lists struct {
	Name, Lists  string
	Certificates []string
}

func decode(t *testing.T, text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestListsOfKeysAreReadAsTheVectorsSay(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/signature-lists.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Valid, Invalid []lists }
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Valid) == 0 || len(vectors.Invalid) == 0 {
		t.Fatal(vectors, err)
	}
	for _, v := range vectors.Valid {
		if got, err := Certificates(decode(t, v.Lists)); err != nil || !slices.Equal(got, v.Certificates) {
			t.Errorf("%s: %v, %v", v.Name, got, err)
		}
	}
	for _, v := range vectors.Invalid {
		if got, err := Certificates(decode(t, v.Lists)); err == nil {
			t.Errorf("%s: %v", v.Name, got)
		}
	}
}

func FuzzCertificates(f *testing.F) {
	f.Add([]byte("\xa1\x59\xc0\xa5"))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = Certificates(data) })
}
