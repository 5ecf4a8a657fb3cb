package gpt

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// growthUnit is the alignment of the data partition's end: whole blocks of any file system and of any medium.
const growthUnit = 1 << 20

// Growth is what a larger disk means for the data partition.
type Growth struct {
	Partition  int   // number of the partition that grows, or 0
	Start      int64 // bytes, as all sizes here
	Was, Bytes int64

	Behind int   // number of a partition behind the data partition, which keeps it from growing, or 0
	Unused int64 // what it would have gained
}

// extended returns the table with the data partition extended to the last usable block, of which whole units count.
// changed is false when that partition already ends there and the table ends with the disk's last block. Without a data
// partition nothing is extended: the rest of the disk is someone else's.
func (t *Table) extended(last, lastUsable uint64, blockSize int64) (extended Table, growth Growth, changed bool) {
	extended = *t
	extended.entries = slices.Clone(t.entries)
	used := extended.used()
	at := slices.IndexFunc(used, func(e entry) bool { return GUID(e.bytes[:16]).String() == KiOS })
	if at < 0 || t.header.other > last {
		return *t, Growth{}, false
	}
	first, end := used[at].extent()
	changed = t.header.other < last
	newEnd := lastUsable + 1
	newEnd -= newEnd % uint64(max(1, growthUnit/blockSize))
	if newEnd <= end+1 || first > end {
		return extended, Growth{}, changed
	}
	gain := int64(newEnd-end-1) * blockSize
	if behind := slices.IndexFunc(used, func(e entry) bool { from, _ := e.extent(); return from > first }); behind >= 0 {
		return extended, Growth{Behind: used[behind].number, Unused: extended.unused(newEnd, blockSize)}, changed
	}
	was := int64(end+1-first) * blockSize
	binary.LittleEndian.PutUint64(used[at].bytes[40:], newEnd-1)
	extended.header.entriesCRC = crc32.ChecksumIEEE(extended.entries)
	return extended, Growth{Partition: used[at].number, Start: int64(first) * blockSize, Was: was, Bytes: was + gain}, true
}

// unused returns the number of bytes from the last partition's end to a block.
func (t *Table) unused(end uint64, blockSize int64) int64 {
	free := int64(end)
	for _, e := range t.used() {
		_, last := e.extent()
		free = min(free, int64(end)-int64(last)-1)
	}
	return max(0, free*blockSize)
}

// extent returns the first and the last block of a partition.
func (e entry) extent() (first, last uint64) {
	return binary.LittleEndian.Uint64(e.bytes[32:]), binary.LittleEndian.Uint64(e.bytes[40:])
}
