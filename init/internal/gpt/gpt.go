// Package gpt reads GUID partition tables (UEFI specification, chapter 5).
package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Partition is a used entry of the table.
type Partition struct {
	Number     int // counted from 1, as the kernel numbers its devices
	Type, GUID string
	Name       string
}

// KiOS is the partition type of the data partition.
const KiOS = "97aac693-d920-465a-94fe-eb59fc86dfaa"

const (
	headerSize = 92
	maxEntries = 1024
	maxEntry   = 4096
)

// ErrNone means that neither of the two tables is valid.
var ErrNone = errors.New("no valid GUID partition table")

// Read returns the primary table, or the backup at the disk's end when the primary is damaged. size and blockSize are
// in bytes.
func Read(disk io.ReaderAt, size, blockSize int64) ([]Partition, error) {
	if blockSize < 512 || size < 3*blockSize {
		return nil, ErrNone
	}
	primary, err := readAt(disk, size, blockSize, 1)
	if err == nil {
		return primary, nil
	}
	backup, backupErr := readAt(disk, size, blockSize, size/blockSize-1)
	if backupErr == nil {
		return backup, nil
	}
	return nil, fmt.Errorf("%w (primary: %w, backup: %w)", ErrNone, err, backupErr)
}

func readAt(disk io.ReaderAt, size, blockSize, lba int64) ([]Partition, error) {
	header := make([]byte, blockSize)
	if _, err := disk.ReadAt(header, lba*blockSize); err != nil {
		return nil, err
	}
	h, err := parseHeader(header, uint64(lba))
	if err != nil {
		return nil, err
	}
	length := int64(h.count) * int64(h.entrySize)
	if h.entriesLBA > uint64(size/blockSize) || int64(h.entriesLBA)*blockSize+length > size {
		return nil, errors.New("entries lie outside the disk")
	}
	entries := make([]byte, length)
	if _, err := disk.ReadAt(entries, int64(h.entriesLBA)*blockSize); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(entries) != h.entriesCRC {
		return nil, errors.New("checksum of the entries is wrong")
	}
	return parseEntries(entries, int(h.entrySize)), nil
}

type header struct {
	entriesLBA       uint64
	count, entrySize uint32
	entriesCRC       uint32
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
	h := header{le.Uint64(b[72:]), le.Uint32(b[80:]), le.Uint32(b[84:]), le.Uint32(b[88:])}
	if h.count > maxEntries || h.entrySize < 128 || h.entrySize > maxEntry || h.entrySize%128 != 0 {
		return header{}, fmt.Errorf("%d entries of %d bytes are impossible", h.count, h.entrySize)
	}
	return h, nil
}

func parseEntries(b []byte, entrySize int) []Partition {
	var parts []Partition
	for i := 0; (i+1)*entrySize <= len(b); i++ {
		entry := b[i*entrySize : (i+1)*entrySize]
		if [16]byte(entry[:16]) == ([16]byte{}) {
			continue
		}
		parts = append(parts, Partition{i + 1, formatGUID(entry[:16]), formatGUID(entry[16:32]), parseName(entry[56:128])})
	}
	return parts
}

// formatGUID reverses the mixed byte order of GUIDs on disk.
func formatGUID(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

func parseName(b []byte) string {
	var units []uint16
	for i := 0; i+1 < len(b); i += 2 {
		unit := binary.LittleEndian.Uint16(b[i:])
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}
