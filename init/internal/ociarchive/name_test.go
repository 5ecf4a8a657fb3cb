package ociarchive

import (
	"slices"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestNamesAreThoseOfTheBuild(t *testing.T) {
	vectors := testvector.Read[struct {
		Names []struct {
			Text, Repository, Tag string
			Forms                 []string
		}
		Refused []string
	}](t, "image-names.json")
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
