package gpt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"
)

func keep(string) (GUID, bool) { return GUID{}, false }

// seal makes the checksums of a changed primary table right.
func seal(b []byte, blockSize int64) {
	binary.LittleEndian.PutUint32(b[blockSize+88:], crc32.ChecksumIEEE(b[2*blockSize:2*blockSize+128*128]))
	resum(b[blockSize:])
}

func TestTheDataPartitionGrowsToTheLastWholeUnitOfTheDisk(t *testing.T) {
	const unit = 1 << 20
	for _, row := range []struct {
		blockSize, size, grownTo int64 // grownTo is the partition's end in bytes, or 0
	}{
		{512, 400 * 512, 0},
		{512, unit, 0}, // the backup takes the last unit
		{512, unit + 33*512, unit},
		{512, unit + 32*512, 0},
		{512, 3*unit - 512, 2 * unit},
		{512, 3 * unit, 2 * unit},
		{512, 3*unit + 33*512 + 511, 3 * unit}, // the device ends within a block
		{4096, 400 * 4096, 0},
		{4096, 2*unit + 5*4096, 2 * unit},
		{4096, 2*unit + 4*4096, 0},
		{4096, 9*unit + 4096*7, 9 * unit},
	} {
		name := fmt.Sprintf("%d bytes in blocks of %d", row.size, row.blockSize)
		b := image(row.blockSize, 0)
		b = append(b, make([]byte, row.size-int64(len(b)))...)
		plan, err := Renew(bytes.NewReader(b), row.size, row.blockSize, keep)
		if err != nil || plan.Renewed || (plan.Growth.Partition == 2) != (row.grownTo != 0) {
			t.Errorf("%s: %+v %v", name, plan.Growth, err)
			continue
		}
		start := 200 * row.blockSize
		if g := plan.Growth; row.grownTo != 0 && (g.Start != start || g.Start+g.Bytes != row.grownTo || g.Was != 100*row.blockSize) {
			t.Errorf("%s: %+v", name, g)
		}
		for _, write := range plan.Writes {
			if end := write.Offset + int64(len(write.Data)); end > row.size/row.blockSize*row.blockSize || len(write.Data)%int(row.blockSize) != 0 {
				t.Errorf("%s: a write ends at %d", name, end)
			}
			copy(b[write.Offset:], write.Data)
		}
		table, err := linuxReads(b, row.blockSize)
		if err != nil || int64(table.header.other) != row.size/row.blockSize-1 {
			t.Errorf("%s: the table ends at block %d, %v", name, table.header.other, err)
		}
		if again, err := Renew(bytes.NewReader(b), row.size, row.blockSize, keep); again.Writes != nil || err != nil {
			t.Errorf("%s: a second boot writes %d times, %v", name, len(again.Writes), err)
		}
	}
}

func TestATableThatReachesTheEndGrowsItsDataPartition(t *testing.T) {
	b := image(512, 4000)
	last := uint64(len(b)/512 - 1)
	binary.LittleEndian.PutUint64(b[512+32:], last) // as a flash leaves it
	binary.LittleEndian.PutUint64(b[512+48:], last-33)
	seal(b, 512)
	plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, keep)
	if err != nil || plan.Growth.Partition != 2 || plan.Growth.Start+plan.Growth.Bytes != 2<<20 {
		t.Errorf("%+v %v", plan.Growth, err)
	}
}

func TestADamagedBackupDoesNotHinderGrowth(t *testing.T) {
	b := image(512, 4000)
	clear(b[(imageBlocks-40)*512 : imageBlocks*512])
	plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, keep)
	if err != nil || plan.Growth.Partition != 2 {
		t.Fatalf("%+v %v", plan.Growth, err)
	}
	for _, write := range plan.Writes {
		copy(b[write.Offset:], write.Data)
	}
	backup, err := readAt(bytes.NewReader(b), int64(len(b)), 512, int64(len(b)/512-1))
	primary, _ := linuxReads(b, 512)
	if err != nil || !bytes.Equal(backup.entries, primary.entries) {
		t.Errorf("%v", err)
	}
}

func TestAPartitionBehindTheDataPartitionKeepsItsSize(t *testing.T) {
	b := image(512, 4000)
	third := b[2*512+2*128:]
	copy(third, espType)
	third[16] = 1
	binary.LittleEndian.PutUint64(third[32:], 320)
	binary.LittleEndian.PutUint64(third[40:], 339)
	seal(b, 512)
	before := slices.Clone(b)
	plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, keep)
	want := Growth{Behind: 3, Unused: 2<<20 - 340*512}
	if err != nil || plan.Growth != want {
		t.Fatalf("%+v %v", plan.Growth, err)
	}
	for _, write := range plan.Writes {
		copy(b[write.Offset:], write.Data)
	}
	table, _ := linuxReads(b, 512)
	if !bytes.Equal(b[1024:1024+128*128], before[1024:1024+128*128]) || table.header.other != uint64(len(b)/512-1) {
		t.Errorf("%+v", table.header) // a person can use the room that the table now covers
	}
	again, err := Renew(bytes.NewReader(b), int64(len(b)), 512, keep)
	if err != nil || again.Writes != nil || again.Growth != want {
		t.Errorf("%+v %v", again, err)
	}
}

func TestADiskWithoutADataPartitionIsNotExtended(t *testing.T) {
	b := image(512, 4000)
	copy(b[2*512+128:], espType)
	seal(b, 512)
	if plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, keep); plan.Growth != (Growth{}) || err != nil {
		t.Errorf("%+v %v", plan.Growth, err)
	} else if table, _ := linuxReads(b, 512); table.header.other != imageBlocks-1 {
		t.Errorf("%+v", table.header)
	}
}

func TestAPowerCutWhileADiskGrowsLeavesTheOldOrTheNewTable(t *testing.T) {
	for blockSize, grown := range map[int64]int64{512: 3000, 4096: 300} {
		start := image(blockSize, grown)
		old, _ := linuxReads(start, blockSize)
		plan, err := Renew(bytes.NewReader(start), int64(len(start)), blockSize, keep)
		if err != nil || plan.Growth.Partition != 2 {
			t.Fatalf("%+v %v", plan.Growth, err)
		}
		done := cut(start, plan.Writes, len(plan.Writes), nothing)
		extended, _ := linuxReads(done, blockSize)
		cuts(start, plan.Writes, blockSize, func(name string, b []byte) {
			table, err := linuxReads(b, blockSize)
			if err != nil {
				t.Fatalf("%s: the primary table is lost: %v", name, err)
			}
			if !bytes.Equal(table.entries, old.entries) && !bytes.Equal(table.entries, extended.entries) {
				t.Fatalf("%s: the table is neither old nor new", name)
			}
			repaired := slices.Clone(b)
			firmwareRepairs(repaired, blockSize)
			for _, next := range [][]byte{b, repaired} {
				renewAll(t, next, blockSize, keep)
				if !bytes.Equal(next[blockSize:2*blockSize], done[blockSize:2*blockSize]) ||
					!bytes.Equal(next[2*blockSize:2*blockSize+128*128], extended.entries) ||
					!bytes.Equal(next[int64(len(next))-blockSize-128*128:], done[int64(len(done))-blockSize-128*128:]) {
					t.Fatalf("%s: the next boot does not finish", name)
				}
			}
		})
	}
}
