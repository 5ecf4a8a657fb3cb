package encrypted

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ImageFile is the empty file system of the medium's data partition, in the root. Init cannot make one, and copies it
// into a new volume.
const ImageFile = "/lib/kios/data.image"

// The form of that file, whose numbers are little-endian: a magic number, the size of the file system, the number of
// its parts, of each part the place, the length and what is there, and then all contents
// (packages/host-api/vectors/data-image.json).
const (
	imageMagic = "kiosimg1"
	imageHead  = len(imageMagic) + 8 + 4
	partBytes  = 8 + 8 + 1
	mostParts  = 1 << 16
	chunk      = 1 << 20
)

const (
	zeros   = 0
	content = 1
)

var errImage = errors.New("the image of an empty file system is damaged")

// Image is an empty file system: what has to be written of it, zeros included. The rest may be anything.
type Image struct {
	Bytes int64
	parts []part
}

type part struct {
	offset, bytes int64
	content       []byte // nil for zeros
}

// ReadImage reads the form of ImageFile.
func ReadImage(data []byte) (*Image, error) {
	if len(data) < imageHead || !bytes.HasPrefix(data, []byte(imageMagic)) {
		return nil, errImage
	}
	le := binary.LittleEndian
	image := &Image{Bytes: int64(le.Uint64(data[len(imageMagic):]))}
	count := int(le.Uint32(data[len(imageMagic)+8:]))
	if image.Bytes <= 0 || count > mostParts || len(data) < imageHead+count*partBytes {
		return nil, errImage
	}
	rest := data[imageHead+count*partBytes:]
	for i := range count {
		row := data[imageHead+i*partBytes:]
		p := part{offset: int64(le.Uint64(row)), bytes: int64(le.Uint64(row[8:]))}
		if p.offset < 0 || p.bytes <= 0 || p.offset > image.Bytes || p.bytes > image.Bytes-p.offset || row[16] > content {
			return nil, fmt.Errorf("%w: part %d", errImage, i)
		}
		if row[16] == content {
			if p.bytes > int64(len(rest)) {
				return nil, fmt.Errorf("%w: it is cut short", errImage)
			}
			p.content, rest = rest[:p.bytes], rest[p.bytes:]
		}
		image.parts = append(image.parts, p)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: something follows it", errImage)
	}
	return image, nil
}

// Write puts the file system onto a device, which may hold anything before.
func (i *Image) Write(device interface {
	io.WriterAt
	Sync() error
}) error {
	nothing := make([]byte, chunk)
	for _, p := range i.parts {
		for at := int64(0); at < p.bytes; at += chunk {
			piece := nothing[:min(chunk, p.bytes-at)]
			if p.content != nil {
				piece = p.content[at:min(at+chunk, p.bytes)]
			}
			if _, err := device.WriteAt(piece, p.offset+at); err != nil {
				return fmt.Errorf("write an empty file system: %w", err)
			}
		}
	}
	return device.Sync()
}
