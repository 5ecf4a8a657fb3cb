package oneline

import "testing"

func TestATextBecomesOneLineOfWholeCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " a\n\tb ": "a b", "12345678": "12345678", "1234567 9": "1234567  …", "1234567ü": "1234567 …",
	} {
		if got := Of(text, 8); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
