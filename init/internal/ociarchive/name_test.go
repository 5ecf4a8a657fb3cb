package ociarchive

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func TestNamesAreThoseOfTheBuild(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/image-names.json")
	var vectors struct {
		Names []struct {
			Text, Repository, Tag string
			Forms                 []string
		}
		Refused []string
	}
	if err == nil {
		err = json.Unmarshal(text, &vectors)
	}
	if err != nil || len(vectors.Names) == 0 {
		t.Fatal(err)
	}
	for _, want := range vectors.Names {
		name, err := ParseName(want.Text)
		looked := []string{want.Repository + ":" + want.Tag, want.Repository + "@sha256:b"}
		if want.Tag == "" {
			looked = looked[1:]
		}
		if err != nil || name.Repository != want.Repository || !slices.Equal(name.In("sha256:b"), looked) || !slices.Equal(name.Written(), want.Forms) {
			t.Errorf("%s: %+v %v %v %v", want.Text, name, name.In("sha256:b"), name.Written(), err)
		}
	}
	for _, text := range vectors.Refused {
		if name, err := ParseName(text); err == nil {
			t.Errorf("%q is %+v", text, name)
		}
	}
}
