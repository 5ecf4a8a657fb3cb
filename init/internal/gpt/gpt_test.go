package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"
	"unicode/utf16"
)

const blocks = 200

// The partition types as they are on a disk, with the first three fields little-endian (UEFI specification, appendix
// A).
var (
	espType  = []byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}
	dataType = []byte{0x93, 0xc6, 0xaa, 0x97, 0x20, 0xd9, 0x5a, 0x46, 0x94, 0xfe, 0xeb, 0x59, 0xfc, 0x86, 0xdf, 0xaa}
	guid     = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)

var want = []Partition{
	{1, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "04030201-0605-0807-090a-0b0c0d0e0f10", "EFI"},
	{3, KiOS, "04030201-0605-0807-090a-0b0c0d0e0f10", "kios dätä"},
}

func disk(blockSize int64) []byte {
	b := make([]byte, blocks*blockSize)
	entries := make([]byte, 128*128)
	put := func(slot int, kind []byte, name string) {
		entry := entries[slot*128:]
		copy(entry, kind)
		copy(entry[16:], guid)
		for i, unit := range utf16.Encode([]rune(name)) {
			binary.LittleEndian.PutUint16(entry[56+2*i:], unit)
		}
	}
	put(0, espType, "EFI")
	put(2, dataType, "kios dätä")
	putHeader(b, blockSize, 1, 2, entries)
	last := int64(blocks - 1)
	putHeader(b, blockSize, last, last-int64(len(entries))/blockSize, entries)
	return b
}

func putHeader(b []byte, blockSize, lba, entriesLBA int64, entries []byte) {
	h := b[lba*blockSize:]
	le := binary.LittleEndian
	copy(h, "EFI PART")
	le.PutUint32(h[8:], 0x10000)
	le.PutUint32(h[12:], headerSize)
	le.PutUint64(h[24:], uint64(lba))
	le.PutUint64(h[72:], uint64(entriesLBA))
	le.PutUint32(h[80:], uint32(len(entries)/128))
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	copy(b[entriesLBA*blockSize:], entries)
	resum(h)
}

func resum(h []byte) {
	clear(h[16:20])
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
}

func TestReadReturnsTheTableThatIsIntact(t *testing.T) {
	for name, damage := range map[string]func([]byte){
		"intact":                   func([]byte) {},
		"primary header wiped":     func(b []byte) { clear(b[512:1024]) },
		"primary entry flipped":    func(b []byte) { b[2*512+5] ^= 1 },
		"primary header flipped":   func(b []byte) { b[512+40] ^= 1 },
		"backup wiped":             func(b []byte) { clear(b[len(b)-512:]) },
		"primary moved elsewhere":  func(b []byte) { b[512+24]++; resum(b[512:]) },
		"primary entries far away": func(b []byte) { binary.LittleEndian.PutUint64(b[512+72:], 1<<60); resum(b[512:]) },
		"primary entries overlong": func(b []byte) { binary.LittleEndian.PutUint32(b[512+80:], 1<<31); resum(b[512:]) },
		"primary entries unusable": func(b []byte) { binary.LittleEndian.PutUint32(b[512+84:], 0); resum(b[512:]) },
		"primary header too long":  func(b []byte) { binary.LittleEndian.PutUint32(b[512+12:], 1<<20) },
	} {
		b := disk(512)
		damage(b)
		got, err := Read(bytes.NewReader(b), int64(len(b)), 512)
		if err != nil || !reflect.DeepEqual(got.Parts, want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestReadSupportsDisksWithBlocksOf4KiB(t *testing.T) {
	b := disk(4096)
	if got, err := Read(bytes.NewReader(b), int64(len(b)), 4096); err != nil || !reflect.DeepEqual(got.Parts, want) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestReadRefusesADiskWithoutAValidTable(t *testing.T) {
	both := disk(512)
	both[2*512] ^= 1
	both[len(both)-512+20] ^= 1
	for name, b := range map[string][]byte{"an empty disk": make([]byte, 64<<10), "a tiny disk": make([]byte, 512), "two damaged tables": both} {
		if got, err := Read(bytes.NewReader(b), int64(len(b)), 512); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(disk(512))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1024 {
			resum(b[512:]) // get past the checksum
		}
		Read(bytes.NewReader(b), int64(len(b)), 512)
	})
}
