package gpt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// covered returns the number of blocks that the protective MBR of image says there are behind the first.
func covered(b []byte) uint32 { return binary.LittleEndian.Uint32(b[mbrRecords+12:]) }

func TestTheProtectiveMBRCoversALargerDisk(t *testing.T) {
	for blockSize, grown := range map[int64]int64{512: 3000, 4096: 300} {
		b := image(blockSize, grown)
		before := slices.Clone(b[:blockSize])
		renewAll(t, b, blockSize, keep)
		if covered(b) != uint32(imageBlocks+grown-1) {
			t.Errorf("blocks of %d: it covers %d", blockSize, covered(b))
		}
		binary.LittleEndian.PutUint32(before[mbrRecords+12:], covered(b))
		if !bytes.Equal(before, b[:blockSize]) {
			t.Errorf("blocks of %d: more than the size has changed", blockSize)
		}
	}
}

// A kiOS that did not know of it has grown such disks.
func TestAnMBRThatWasLeftBehindIsFitted(t *testing.T) {
	b := image(512, 3000)
	renewAll(t, b, 512, keep)
	binary.LittleEndian.PutUint32(b[mbrRecords+12:], imageBlocks-1)
	plan, err := Renew(bytes.NewReader(b), int64(len(b)), 512, keep)
	if err != nil || len(plan.Writes) != 1 || !plan.Mended || plan.Renewed {
		t.Errorf("%+v %v", plan, err)
	}
}

func TestOnlyAnOrdinaryProtectiveMBRIsChanged(t *testing.T) {
	le := binary.LittleEndian
	for name, row := range map[string]struct {
		change func(record []byte, b []byte)
		last   uint64
		want   uint32 // 0: it is left alone
	}{
		"a larger disk":                  {func([]byte, []byte) {}, 10_000, 10_000},
		"a smaller disk":                 {func([]byte, []byte) {}, 100, 100},
		"the disk's size":                {func([]byte, []byte) {}, imageBlocks - 1, 0},
		"the largest that the field has": {func([]byte, []byte) {}, math.MaxUint32, math.MaxUint32},
		"more blocks than it can have":   {func([]byte, []byte) {}, 1 << 33, math.MaxUint32},
		"a size that says nothing":       {func(r, _ []byte) { le.PutUint32(r[12:], math.MaxUint32) }, 10_000, 0},
		"a hybrid":                       {func(r, _ []byte) { r[16+4] = 0x0c }, 10_000, 0},
		"two of its kind":                {func(r, _ []byte) { copy(r[16:], r[:16]) }, 10_000, 0},
		"another start":                  {func(r, _ []byte) { le.PutUint32(r[8:], 2048) }, 10_000, 0},
		"another type":                   {func(r, _ []byte) { r[4] = 0x83 }, 10_000, 0},
		"no partition":                   {func(r, _ []byte) { r[4] = 0 }, 10_000, 0},
		"no signature":                   {func(_, b []byte) { b[511] = 0 }, 10_000, 0},
	} {
		b := image(512, 0)[:512]
		row.change(b[mbrRecords:], b)
		writes, err := fitMBR(bytes.NewReader(b), 512, row.last)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case row.want == 0 && writes != nil, row.want != 0 && len(writes) != 1:
			t.Errorf("%s: %d writes", name, len(writes))
		case row.want != 0 && covered(writes[0].Data) != row.want:
			t.Errorf("%s: it covers %d", name, covered(writes[0].Data))
		}
	}
}

// A program that knows only the MBR must never see a free place where the table has a partition.
func TestTheMBRCoversTheTableAtAnyPowerCut(t *testing.T) {
	for blockSize, grown := range map[int64]int64{512: 3000, 4096: 300} {
		start := image(blockSize, grown)
		plan, err := Renew(bytes.NewReader(start), int64(len(start)), blockSize, keep)
		if err != nil {
			t.Fatal(err)
		}
		cuts(start, plan.Writes, blockSize, func(name string, b []byte) {
			table, err := linuxReads(b, blockSize)
			if err != nil || uint64(covered(b)) < table.header.other {
				t.Fatalf("%s: it covers %d blocks of %d, %v", name, covered(b), table.header.other, err)
			}
			renewAll(t, b, blockSize, keep)
			finishedMBR(t, fmt.Sprintf("blocks of %d, %s", blockSize, name), b, blockSize)
		})
	}
}

func finishedMBR(t *testing.T, name string, b []byte, blockSize int64) {
	t.Helper()
	if last := int64(len(b))/blockSize - 1; int64(covered(b)) != last {
		t.Fatalf("%s: the MBR covers %d blocks, not %d", name, covered(b), last)
	}
}
