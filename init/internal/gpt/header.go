package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	headerSize = 92
	maxEntries = 1024
	maxEntry   = 4096
)

// header is a table's header. Its places are block numbers.
type header struct {
	raw                     []byte // as read, for the fields that never change
	own, other              uint64 // this header and the other one
	firstUsable, lastUsable uint64 // for partitions
	disk                    GUID
	entriesLBA              uint64
	count, entrySize        uint32
	entriesCRC              uint32
}

func parseHeader(b []byte, lba uint64) (header, error) {
	le := binary.LittleEndian
	if string(b[:8]) != "EFI PART" {
		return header{}, errors.New("signature is missing")
	}
	size := le.Uint32(b[12:])
	if size < headerSize || int64(size) > int64(len(b)) {
		return header{}, fmt.Errorf("header size %d is impossible", size)
	}
	summed := append([]byte(nil), b[:size]...)
	clear(summed[16:20])
	if crc32.ChecksumIEEE(summed) != le.Uint32(b[16:]) {
		return header{}, errors.New("checksum of the header is wrong")
	}
	if le.Uint64(b[24:]) != lba {
		return header{}, errors.New("header names another block as its own")
	}
	h := header{
		raw: summed, own: lba, other: le.Uint64(b[32:]), firstUsable: le.Uint64(b[40:]), lastUsable: le.Uint64(b[48:]),
		disk: GUID(b[56:72]), entriesLBA: le.Uint64(b[72:]),
		count: le.Uint32(b[80:]), entrySize: le.Uint32(b[84:]), entriesCRC: le.Uint32(b[88:]),
	}
	if h.count > maxEntries || h.entrySize < 128 || h.entrySize > maxEntry || h.entrySize%128 != 0 {
		return header{}, fmt.Errorf("%d entries of %d bytes are impossible", h.count, h.entrySize)
	}
	return h, nil
}

// encode returns the header's block.
func (h header) encode(blockSize int64) []byte {
	le := binary.LittleEndian
	b := make([]byte, blockSize)
	n := copy(b, h.raw)
	le.PutUint64(b[24:], h.own)
	le.PutUint64(b[32:], h.other)
	le.PutUint64(b[40:], h.firstUsable)
	le.PutUint64(b[48:], h.lastUsable)
	copy(b[56:], h.disk[:])
	le.PutUint64(b[72:], h.entriesLBA)
	le.PutUint32(b[88:], h.entriesCRC)
	clear(b[16:20])
	le.PutUint32(b[16:], crc32.ChecksumIEEE(b[:n]))
	return b
}
