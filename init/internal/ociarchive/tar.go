package ociarchive

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// A tar file is blocks: a header, and the content behind it (pax(1), ustar interchange format). The names that count
// are short enough for a header, so nothing here reads what extends one; archive/tar would double what this costs init.
const tarBlock = 512

// tarHeader is the first block of an entry.
type tarHeader [tarBlock]byte

// field returns the text of a field, which may end before the field does.
func (h *tarHeader) field(from, to int) string {
	text, _, _ := strings.Cut(string(h[from:to]), "\x00")
	return text
}

var (
	errHeader = errors.New("no header of tar")
	errShort  = io.ErrUnexpectedEOF
)

// walkTar calls a function with each regular file of a tar file that has so many bytes. It reads headers only.
func walkTar(tar io.ReaderAt, bytes int64, do func(name string, at place) error) error {
	for offset := int64(0); offset+tarBlock <= bytes; {
		var header tarHeader
		if _, err := tar.ReadAt(header[:], offset); err != nil {
			return err
		}
		if header == (tarHeader{}) {
			return nil
		}
		size, err := tarNumber(header[124:136])
		if err != nil || !header.isWhole() {
			return errHeader
		}
		at := place{offset + tarBlock, size}
		if size > bytes-at.offset {
			return errShort
		}
		if kind := header[156]; kind == '0' || kind == 0 {
			if err := do(header.name(), at); err != nil {
				return err
			}
		}
		offset = at.offset + (size+tarBlock-1)/tarBlock*tarBlock
	}
	return errShort // an archive ends with empty blocks
}

func (h *tarHeader) name() string {
	name := h.field(0, 100)
	if prefix := h.field(345, 500); prefix != "" && h.field(257, 262) == "ustar" {
		name = prefix + "/" + name
	}
	return strings.TrimPrefix(name, "./")
}

// isWhole compares a header with its checksum: the sum of its bytes, with spaces in the place of the sum.
func (h *tarHeader) isWhole() bool {
	const from, to = 148, 156
	sum, err := strconv.ParseInt(strings.Trim(h.field(from, to), " "), 8, 32)
	for at, each := range h {
		if at >= from && at < to {
			each = ' '
		}
		sum -= int64(each)
	}
	return err == nil && sum == 0
}

// tarNumber reads octal digits. A longer number, which GNU tar writes otherwise, does not fit on the medium.
func tarNumber(text []byte) (int64, error) {
	digits := strings.Trim(string(text), " \x00")
	if digits == "" {
		return 0, nil
	}
	value, err := strconv.ParseUint(digits, 8, 62)
	return int64(value), err
}
