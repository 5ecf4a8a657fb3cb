package gpt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/blockwrite"
)

var (
	sharedDisk = GUID{0xd1, 1}
	sharedESP  = GUID{0xe1, 1}
	sharedData = GUID{0xda, 1}
	shared     = []GUID{sharedDisk, sharedESP, sharedData}
)

// fresh makes every boot invent other GUIDs, as chance does.
type fresh struct{ made byte }

func (f *fresh) own(guid string) (GUID, bool) {
	f.made++
	return GUID{0xff, f.made}, slices.ContainsFunc(shared, func(g GUID) bool { return g.String() == guid })
}

const imageBlocks = 400

// image returns a disk of the form that the build gives it, on which grown blocks follow the image.
func image(blockSize, grown int64) []byte {
	le := binary.LittleEndian
	b := make([]byte, (imageBlocks+grown)*blockSize)
	for i := range b {
		b[i] = byte(i * 7) // nothing relies on zeroes
	}
	entries := make([]byte, 128*128)
	put := func(slot int, kind []byte, guid GUID, first, last uint64) {
		entry := entries[slot*128:]
		copy(entry, kind)
		copy(entry[16:], guid[:])
		le.PutUint64(entry[32:], first)
		le.PutUint64(entry[40:], last)
		le.PutUint64(entry[48:], 1<<60) // attributes
		entry[56] = 'n'
	}
	put(0, espType, sharedESP, 100, 199)
	put(1, dataType, sharedData, 200, 299)
	blocks, last := int64(len(entries))/blockSize, int64(imageBlocks-1)
	header := func(own, other, entriesLBA int64) {
		block := b[own*blockSize : (own+1)*blockSize]
		clear(block)
		copy(block, "EFI PART")
		le.PutUint32(block[8:], 0x10000)
		le.PutUint32(block[12:], headerSize)
		for at, value := range map[int]int64{24: own, 32: other, 40: 2 + blocks, 48: last - blocks - 1, 72: entriesLBA} {
			le.PutUint64(block[at:], uint64(value))
		}
		copy(block[56:], sharedDisk[:])
		le.PutUint32(block[80:], 128)
		le.PutUint32(block[84:], 128)
		le.PutUint32(block[88:], crc32.ChecksumIEEE(entries))
		copy(b[entriesLBA*blockSize:], entries)
		resum(block)
	}
	header(1, last, 2)
	header(last, 1, last-blocks)
	record := b[mbrRecords:]
	clear(record[:4*mbrRecordSize])
	copy(record, []byte{0, 0, 2, 0, protective, 0xff, 0xff, 0xff, primaryLBA})
	le.PutUint32(record[12:], uint32(last))
	le.PutUint16(b[510:], 0xaa55)
	return b
}

func renewAll(t *testing.T, b []byte, blockSize int64, own func(string) (GUID, bool)) []blockwrite.Write {
	t.Helper()
	plan, err := Renew(bytes.NewReader(b), int64(len(b)), blockSize, own)
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range plan.Writes {
		copy(b[write.Offset:], write.Data)
	}
	return plan.Writes
}

// linuxReads returns the primary table, the only one that Linux reads, or fails.
func linuxReads(b []byte, blockSize int64) (Table, error) {
	return readAt(bytes.NewReader(b), int64(len(b)), blockSize, primaryLBA)
}

func carries(t Table) (found []GUID) {
	for _, guid := range shared {
		if t.GUID == guid.String() || slices.ContainsFunc(t.Parts, func(p Partition) bool { return p.GUID == guid.String() }) {
			found = append(found, guid)
		}
	}
	return found
}

// dataEnd returns the last block of the data partition on a disk of this size that was made larger by enough.
func dataEnd(size, blockSize int64) uint64 {
	end := (size - 16384 - blockSize) / (1 << 20) * (1 << 20)
	return uint64(max(end, blockSize)/blockSize) - 1
}

// finished fails unless both tables are complete, at home, equal to the image in all but GUIDs and the data partition's
// end, and free of shared GUIDs.
func finished(t *testing.T, name string, b []byte, blockSize int64) {
	t.Helper()
	primary, err := linuxReads(b, blockSize)
	if err != nil {
		t.Fatalf("%s: primary: %v", name, err)
	}
	last := int64(len(b))/blockSize - 1
	backup, err := readAt(bytes.NewReader(b), int64(len(b)), blockSize, last)
	if err != nil {
		t.Fatalf("%s: backup: %v", name, err)
	}
	if h := primary.header; h.entriesLBA != homeLBA || h.other != uint64(last) || h.firstUsable != 2+uint64(16384/blockSize) || h.lastUsable != uint64(last-16384/blockSize-1) {
		t.Fatalf("%s: primary header %+v", name, h)
	}
	if backup.header.other != 1 || backup.GUID != primary.GUID || !bytes.Equal(backup.entries, primary.entries) ||
		backup.header.firstUsable != primary.header.firstUsable || backup.header.lastUsable != primary.header.lastUsable {
		t.Fatalf("%s: backup differs: %+v", name, backup.header)
	}
	finishedMBR(t, name, b, blockSize)
	if left := carries(primary); left != nil {
		t.Fatalf("%s: GUIDs %v are left", name, left)
	}
	was := image(blockSize, 0)
	before, _ := linuxReads(was, blockSize)
	for slot := range 128 {
		have, want := slices.Clone(primary.entries[slot*128:slot*128+128]), slices.Clone(before.entries[slot*128:slot*128+128])
		clear(have[16:32])
		clear(want[16:32])
		if slot == 1 {
			le := binary.LittleEndian
			le.PutUint64(want[40:], max(le.Uint64(want[40:]), dataEnd(int64(len(b)), blockSize)))
		}
		if !bytes.Equal(have, want) {
			t.Fatalf("%s: entry %d changed in more than its GUID and size", name, slot+1)
		}
	}
	if first, end := 100*blockSize, 300*blockSize; !bytes.Equal(b[first:end], was[first:end]) {
		t.Fatalf("%s: a partition was written to", name)
	}
}

func TestRenewReplacesEveryGUIDInBothTables(t *testing.T) {
	for _, blockSize := range []int64{512, 4096} {
		for _, grown := range []int64{0, 1, 20, 300, 4001} {
			b := image(blockSize, grown)
			renewAll(t, b, blockSize, new(fresh).own)
			name := fmt.Sprintf("blocks of %d, %d more", blockSize, grown)
			finished(t, name, b, blockSize)
			if plan := renewAll(t, b, blockSize, new(fresh).own); plan != nil {
				t.Errorf("%s: a finished disk is written again", name)
			}
		}
	}
}

func TestOnlyTheSharedGUIDsAreReplaced(t *testing.T) {
	b := image(512, 0)
	mine := GUID{1, 2, 3}
	only := func(guid string) (GUID, bool) { return mine, guid == sharedData.String() }
	renewAll(t, b, 512, only)
	table, _ := linuxReads(b, 512)
	if table.GUID != sharedDisk.String() || table.Parts[0].GUID != sharedESP.String() || table.Parts[1].GUID != mine.String() {
		t.Errorf("%+v", table)
	}
}

func TestRenewLeavesATableOfAnotherFormAlone(t *testing.T) {
	le := binary.LittleEndian
	entry := func(b []byte, slot int) []byte { return b[2*512+slot*128:] }
	seal := func(b []byte) {
		le.PutUint32(b[512+88:], crc32.ChecksumIEEE(b[2*512:2*512+128*128]))
		resum(b[512:])
	}
	for name, row := range map[string]struct {
		change func([]byte)
		says   string
	}{
		"no spare room":           {func(b []byte) { le.PutUint64(entry(b, 0)[32:], 64) }, "spare room"},
		"another partition there": {func(b []byte) { copy(entry(b, 5), entry(b, 0)[:128]); le.PutUint64(entry(b, 5)[32:], 40) }, "spare room"},
		"partition over backup":   {func(b []byte) { le.PutUint64(entry(b, 1)[40:], imageBlocks-1) }, "last usable"},
		"no room for the backup":  {func(b []byte) { le.PutUint64(b[512+48:], imageBlocks-10) }, "backup"},
		"backup beyond the disk":  {func(b []byte) { le.PutUint64(b[512+32:], imageBlocks) }, "backup"},
		"fewer entries": {func(b []byte) {
			le.PutUint32(b[512+80:], 64)
			le.PutUint32(b[512+88:], crc32.ChecksumIEEE(b[2*512:2*512+64*128]))
			resum(b[512:])
		}, "unlike"},
		"longer header": {func(b []byte) { le.PutUint32(b[512+12:], 96) }, "unlike"},
		"damaged":       {func(b []byte) { b[2*512] ^= 1 }, "checksum"},
	} {
		b := image(512, 0)
		row.change(b)
		if name != "damaged" && name != "fewer entries" {
			seal(b)
		}
		if name == "longer header" {
			clear(b[512+16 : 512+20])
			le.PutUint32(b[512+16:], crc32.ChecksumIEEE(b[512:512+96]))
		}
		plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, new(fresh).own)
		if plan.Writes != nil || err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %d writes, %v", name, len(plan.Writes), err)
		}
		if name == "damaged" {
			continue
		}
		none := func(string) (GUID, bool) { return GUID{}, false }
		if plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, none); plan.Writes != nil || err != nil {
			t.Errorf("%s, with GUIDs of its own: %d writes, %v", name, len(plan.Writes), err)
		}
	}
}

func TestADiskWithoutABackupGetsOne(t *testing.T) {
	b := image(512, 0)
	renewAll(t, b, 512, new(fresh).own)
	clear(b[len(b)-512:])
	renewAll(t, b, 512, new(fresh).own)
	finished(t, "backup lost", b, 512)
}

func TestNewGUIDsAreOfVersion4AndDiffer(t *testing.T) {
	a, b := NewGUID(), NewGUID()
	if text := a.String(); a == b || text[14] != '4' || !strings.Contains("89ab", text[19:20]) {
		t.Errorf("%s %s", a, b)
	}
}

func FuzzRenew(f *testing.F) {
	f.Add(image(512, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1024 {
			resum(b[512:]) // get past the checksum
		}
		plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, func(string) (GUID, bool) { return GUID{1}, true })
		for _, write := range plan.Writes {
			if err != nil || write.Offset < 512 || write.Offset+int64(len(write.Data)) > int64(len(b)) {
				t.Errorf("write %d bytes at %d of %d, %v", len(write.Data), write.Offset, len(b), err)
			}
		}
	})
}
