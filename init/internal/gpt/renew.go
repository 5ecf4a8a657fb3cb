package gpt

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"kios.dev/init/internal/blockwrite"
)

const (
	primaryLBA = 1
	homeLBA    = 2 // where the primary table's entries belong
)

// Plan is what Renew wants done to a disk.
type Plan struct {
	Writes  []blockwrite.Write
	Renewed bool // GUIDs are replaced
	Mended  bool // only what is written twice is made equal again: a power cut came between, or one was damaged
	Growth  Growth
}

// Renew plans the writes that replace the GUIDs of the disk and of its partitions for which own returns another one,
// and that extend a table with a data partition to the end of the disk, and that partition with it. Linux reads only
// the primary table, so that one is valid after each write, torn or not: its entries are written to the unused blocks
// behind it, and one sector, the header, makes them count; then they move home the same way. The backup follows last,
// and the protective MBR comes first: it may cover more than the table, but not less. A plan that a power cut ended is
// taken up by the next one; a finished disk needs no writes.
//
// Renew fails when there is something to change in a table that is not of the form that the build gives it.
func Renew(disk io.ReaderAt, size, blockSize int64, own func(guid string) (GUID, bool)) (Plan, error) {
	table, err := readAt(disk, size, blockSize, primaryLBA)
	if err != nil {
		return Plan{}, fmt.Errorf("primary table: %w", err)
	}
	renewed, changed := table.renewed(own)
	w := writer{table, blockSize, nil}
	last := uint64(size/blockSize) - 1
	grown, growth, extended := renewed.extended(last, last-w.blocks()-1, blockSize)
	if err := w.check(size / blockSize); err != nil {
		if changed || extended {
			return Plan{}, err
		}
		return Plan{}, nil // someone else's table, with GUIDs of its own
	}
	if table.header.entriesLBA != homeLBA {
		w.primary(homeLBA)
	}
	if changed || extended {
		w.table = grown
		w.table.header.other, w.table.header.lastUsable = last, last-w.blocks()-1 // the image may be smaller than its disk
		w.primary(w.spareLBA())
		w.primary(homeLBA)
	}
	if !w.table.backedUp(disk, size, blockSize) {
		w.backup()
	}
	if w.table.header.other == last {
		mbr, err := fitMBR(disk, blockSize, last)
		if err != nil {
			return Plan{}, fmt.Errorf("protective MBR: %w", err)
		}
		w.plan = append(mbr, w.plan...)
	}
	return Plan{w.plan, changed, len(w.plan) > 0 && !changed && !extended, growth}, nil
}

// renewed returns the table with own's GUIDs, and whether any differs.
func (t *Table) renewed(own func(guid string) (GUID, bool)) (renewed Table, changed bool) {
	renewed = *t
	renewed.entries = slices.Clone(t.entries)
	if guid, ok := own(t.GUID); ok {
		renewed.header.disk, changed = guid, true
	}
	for _, e := range renewed.used() {
		if guid, ok := own(GUID(e.bytes[16:32]).String()); ok {
			copy(e.bytes[16:], guid[:])
			changed = true
		}
	}
	renewed.header.entriesCRC = crc32.ChecksumIEEE(renewed.entries)
	return renewed, changed
}

// backedUp reports whether the backup is valid and says the same as t, whose entries are at home.
func (t *Table) backedUp(disk io.ReaderAt, size, blockSize int64) bool {
	backup, err := readAt(disk, size, blockSize, int64(t.header.other))
	if err != nil {
		return false
	}
	have, want := &backup.header, &t.header
	return have.disk == want.disk && have.entriesCRC == want.entriesCRC && have.other == primaryLBA &&
		have.firstUsable == want.firstUsable && have.lastUsable == want.lastUsable
}

// writer collects the writes of one table.
type writer struct {
	table     Table
	blockSize int64
	plan      []blockwrite.Write
}

// blocks returns the number of blocks that the entries take.
func (w *writer) blocks() uint64 { return uint64(int64(len(w.table.entries)) / w.blockSize) }

// spareLBA returns the place of the entries while those at home are rewritten.
func (w *writer) spareLBA() uint64 { return homeLBA + w.blocks() }

// check fails unless the table has the form that the build gives it and nothing lies where it will be written.
func (w *writer) check(diskBlocks int64) error {
	h := &w.table.header
	if len(h.raw) != headerSize || h.count != 128 || h.entrySize != 128 || int64(len(w.table.entries))%w.blockSize != 0 {
		return fmt.Errorf("partition table has a header of %d bytes and %d entries of %d bytes, unlike the build's", len(h.raw), h.count, h.entrySize)
	}
	if h.entriesLBA != homeLBA && h.entriesLBA != w.spareLBA() {
		return fmt.Errorf("entries of the partition table lie at block %d", h.entriesLBA)
	}
	if h.other >= uint64(diskBlocks) || h.lastUsable >= h.other || h.other-h.lastUsable <= w.blocks() {
		return errors.New("partition table leaves no room for its backup")
	}
	for _, e := range w.table.used() {
		first, last := e.extent()
		if first < w.spareLBA()+w.blocks() {
			return fmt.Errorf("partition %d begins at block %d, so the table has no spare room", e.number, first)
		}
		if last > h.lastUsable {
			return fmt.Errorf("partition %d ends beyond the last usable block", e.number)
		}
	}
	return nil
}

// primary writes the entries and then the header that points at them. Blocks that hold entries are not usable.
func (w *writer) primary(entriesLBA uint64) {
	h := &w.table.header
	if spareEnd := w.spareLBA() + w.blocks(); entriesLBA != homeLBA {
		h.firstUsable = max(h.firstUsable, spareEnd)
	} else if h.firstUsable == spareEnd {
		h.firstUsable = w.spareLBA()
	}
	h.entriesLBA = entriesLBA
	w.put(entriesLBA, w.table.entries)
	w.put(primaryLBA, h.encode(w.blockSize))
}

func (w *writer) backup() {
	h := w.table.header
	h.own, h.other = h.other, primaryLBA
	h.entriesLBA = h.own - w.blocks()
	w.put(h.entriesLBA, w.table.entries)
	w.put(h.own, h.encode(w.blockSize))
}

func (w *writer) put(lba uint64, data []byte) {
	w.plan = append(w.plan, blockwrite.Write{Offset: int64(lba) * w.blockSize, Data: data})
}
