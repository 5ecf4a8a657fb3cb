package login1

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func FuzzAuthenticate(f *testing.F) {
	f.Add("\x00AUTH\r\nAUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl")
	f.Add("\x00AUTH EXTERNAL 30\r\nBEGIN\r\n")
	f.Fuzz(func(t *testing.T, said string) {
		err := authenticate(bufio.NewReader(strings.NewReader(said)), io.Discard, 0, "id")
		if err == nil && !strings.Contains(said, "AUTH EXTERNAL") {
			t.Errorf("%q authenticates", said)
		}
	})
}
