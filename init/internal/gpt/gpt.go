// Package gpt reads GUID partition tables (UEFI specification, chapter 5) and plans how to give one GUIDs of its own
// and how to fit it to a larger disk.
package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Table is a partition table.
type Table struct {
	GUID  string // the disk's
	Parts []Partition

	header  header
	entries []byte
}

// Partition is a used entry of the table.
type Partition struct {
	Number     int // counted from 1, as the kernel numbers its devices
	Type, GUID string
	Name       string
}

// Types of partitions.
const (
	KiOS = "97aac693-d920-465a-94fe-eb59fc86dfaa" // the data partition
	ESP  = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" // an EFI system partition
)

// ErrNone means that neither of the two tables is valid.
var ErrNone = errors.New("no valid GUID partition table")

// Read returns the primary table, or the backup at the disk's end when the primary is damaged. size and blockSize are
// in bytes.
func Read(disk io.ReaderAt, size, blockSize int64) (Table, error) {
	primary, err := readAt(disk, size, blockSize, 1)
	if err == nil {
		return primary, nil
	}
	backup, backupErr := readAt(disk, size, blockSize, size/max(blockSize, 1)-1)
	if backupErr == nil {
		return backup, nil
	}
	return Table{}, fmt.Errorf("%w (primary: %w, backup: %w)", ErrNone, err, backupErr)
}

func readAt(disk io.ReaderAt, size, blockSize, lba int64) (Table, error) {
	if blockSize < 512 || size < 3*blockSize {
		return Table{}, errors.New("the disk is too small")
	}
	block := make([]byte, blockSize)
	if _, err := disk.ReadAt(block, lba*blockSize); err != nil {
		return Table{}, err
	}
	h, err := parseHeader(block, uint64(lba))
	if err != nil {
		return Table{}, err
	}
	length := int64(h.count) * int64(h.entrySize)
	if h.entriesLBA > uint64(size/blockSize) || int64(h.entriesLBA)*blockSize+length > size {
		return Table{}, errors.New("entries lie outside the disk")
	}
	entries := make([]byte, length)
	if _, err := disk.ReadAt(entries, int64(h.entriesLBA)*blockSize); err != nil {
		return Table{}, err
	}
	if crc32.ChecksumIEEE(entries) != h.entriesCRC {
		return Table{}, errors.New("checksum of the entries is wrong")
	}
	return tableOf(h, entries), nil
}

func tableOf(h header, entries []byte) Table {
	t := Table{GUID: h.disk.String(), header: h, entries: entries}
	for _, e := range t.used() {
		t.Parts = append(t.Parts, Partition{
			e.number, GUID(e.bytes[:16]).String(), GUID(e.bytes[16:32]).String(), parseName(e.bytes[56:128]),
		})
	}
	return t
}

// entry is a used entry; its bytes are those of the table.
type entry struct {
	number int
	bytes  []byte
}

func (t *Table) used() (used []entry) {
	size := int(t.header.entrySize)
	for i := 0; (i+1)*size <= len(t.entries); i++ {
		if bytes := t.entries[i*size : (i+1)*size]; GUID(bytes[:16]) != (GUID{}) {
			used = append(used, entry{i + 1, bytes})
		}
	}
	return used
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
