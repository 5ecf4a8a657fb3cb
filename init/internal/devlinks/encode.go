package devlinks

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// plain reports whether udev keeps this character in the name of a link (whitelisted_char_for_devnode).
func plain(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("#+-.:=@_", c) >= 0
}

// eachCharacter writes plain characters and valid UTF-8 as they are, and lets other decide on every other byte.
func eachCharacter(text string, other func(out *strings.Builder, rest string)) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		char, size := utf8.DecodeRuneInString(text[i:])
		if size > 1 && char != utf8.RuneError || plain(text[i]) {
			out.WriteString(text[i : i+size])
		} else {
			size = 1
			other(&out, text[i:])
		}
		i += size
	}
	return out.String()
}

// replace puts an underscore for every character that udev does not keep in a link's name (udev_replace_chars).
func replace(text string) string {
	return eachCharacter(text, func(out *strings.Builder, _ string) { out.WriteByte('_') })
}

// squeeze does the same after it has dropped whitespace at both ends and made one underscore of a run of it
// (udev_replace_whitespace).
func squeeze(text string) string {
	return replace(strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return r == ' ' || r >= '\t' && r <= '\r'
	}), "_"))
}

// escape writes every character that is not kept as \xNN (blkid_encode_string): labels stay apart that way.
func escape(text string) string {
	return eachCharacter(text, func(out *strings.Builder, rest string) { fmt.Fprintf(out, `\x%02x`, rest[0]) })
}
