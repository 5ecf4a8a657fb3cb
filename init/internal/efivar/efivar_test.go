package efivar

import "testing"

func TestAVariableIsItsTextUpToTheZero(t *testing.T) {
	attributes := "\x06\x00\x00\x00"
	for _, c := range []struct{ name, data, want string }{
		{"a path", attributes + "\\\x00E\x00\x00\x00", `\E`},
		{"without an end", attributes + "a\x00b\x00", "ab"},
		{"more after its end", attributes + "a\x00\x00\x00b\x00", "a"},
		{"half a character", attributes + "a\x00b", "a"},
		{"no text", attributes, ""},
		{"too short", "\x06\x00", ""},
		{"nothing", "", ""},
	} {
		if got := Text([]byte(c.data)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAMissingVariableIsEmpty(t *testing.T) {
	if got := Loader("KiosHasNoSuchVariable"); got != "" {
		t.Error(got)
	}
}
