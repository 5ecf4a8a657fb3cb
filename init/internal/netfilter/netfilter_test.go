package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAttributesAreReadAsTheyAreWritten(t *testing.T) {
	inner := append(Text(1, "abc"), Number(2, 7)...)
	data := append(Nested(3, inner), Attribute(4, []byte{1}, []byte{2})...)
	if len(data)%4 != 0 {
		t.Errorf("%d bytes are not aligned", len(data))
	}
	var got string
	for kind, value := range Attributes(data) {
		got += fmt.Sprintf("%d:%x ", kind, value)
	}
	want := fmt.Sprintf("3:%x 4:0102 ", inner)
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzAttributes(f *testing.F) {
	f.Add(Text(1, "abc"))
	f.Add([]byte{3, 0, 1, 0})
	f.Add([]byte{200, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, value := range Attributes(data) {
			if len(value) > len(data) {
				t.Error(len(value))
			}
		}
	})
}

// message returns a message of the kernel with a body, in place of the request's.
func message(kind, flags uint16, sequence uint32, body ...byte) []byte {
	out := append(header(kind, flags, 0, 0, sequence)[:unix.NLMSG_HDRLEN], body...)
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	return append(out, make([]byte, -len(out)&3)...)
}

func TestWhatTheKernelReplies(t *testing.T) {
	fine, gone := make([]byte, 4), binary.NativeEndian.AppendUint32(nil, ^uint32(unix.ENOENT)+1)
	part := []byte{1, 0, 0, 0, 9, 9, 9, 9}
	for name, c := range map[string]struct {
		datagram []byte
		parts    int
		done     bool
		err      error
	}{
		"the last acknowledgement": {message(unix.NLMSG_ERROR, 0, 3, fine...), 0, true, nil},
		"an earlier one":           {message(unix.NLMSG_ERROR, 0, 2, fine...), 0, false, nil},
		"an error to any":          {message(unix.NLMSG_ERROR, 0, 0, gone...), 0, true, unix.ENOENT},
		"parts":                    {slices.Concat(message(0xa06, 2, 3, part...), message(0xa06, 2, 3, part...)), 2, false, nil},
		"parts and the end":        {slices.Concat(message(0xa06, 2, 3, part...), message(unix.NLMSG_DONE, 2, 3, fine...)), 1, true, nil},
		"a list that failed":       {message(unix.NLMSG_DONE, 2, 3, gone...), 0, true, unix.ENOENT},
		"a part of a changed list": {message(0xa06, 2|dumpIntr, 3, part...), 0, true, ErrChanged},
		"a changed list's end":     {message(unix.NLMSG_DONE, 2|dumpIntr, 3, fine...), 0, true, ErrChanged},
		"a part without head":      {message(0xa06, 2, 3, 1), 1, false, nil},
		"an error without number":  {message(unix.NLMSG_ERROR, 0, 3), 0, true, unix.EBADMSG},
		"no message":               {[]byte{1, 2, 3}, 0, false, nil},
		"a message that is cut":    {message(0xa06, 2, 3, part...)[:18], 0, true, unix.EINVAL},
	} {
		parts, done, err := read(c.datagram, 3)
		if len(parts) != c.parts || done != c.done || !errors.Is(err, c.err) {
			t.Errorf("%s: %d parts, %v, %v", name, len(parts), done, err)
		}
	}
}
