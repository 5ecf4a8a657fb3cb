package volume

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

const shared, own = 0x6b696f73, 0x11223344

// fat32 returns a volume of the build's form: its boot sector, and the copy in sector 6.
func fat32() []byte {
	b := make([]byte, 64<<10)
	le := binary.LittleEndian
	boot := b[:512]
	le.PutUint16(boot[11:], 512)
	le.PutUint16(boot[14:], 32)
	le.PutUint16(boot[50:], 6)
	le.PutUint32(boot[67:], shared)
	copy(boot[82:], "FAT32   ")
	boot[510], boot[511] = 0x55, 0xaa
	copy(b[6*512:], boot)
	return b
}

func serials(b []byte) [2]uint32 {
	le := binary.LittleEndian
	return [2]uint32{le.Uint32(b[67:]), le.Uint32(b[6*512+67:])}
}

func TestTheSerialIsRenewedInBothBootSectorsAndAfterAPowerCut(t *testing.T) {
	start := fat32()
	for writes := range 3 {
		b := slices.Clone(start)
		for boot := range 2 {
			plan, err := RenewSerial(bytes.NewReader(b), shared, own+uint32(boot))
			if err != nil {
				t.Fatal(err)
			}
			if boot == 0 {
				plan = plan[:writes]
			}
			for _, write := range plan {
				if len(write.Data) != 512 {
					t.Errorf("a write of %d bytes can be torn", len(write.Data))
				}
				copy(b[write.Offset:], write.Data)
			}
		}
		if got := serials(b); got[0] == shared || got[0] != got[1] {
			t.Errorf("cut after %d writes: serials %x", writes, got)
		}
		for _, at := range []int{0, 6 * 512} {
			copy(b[at+67:at+71], start[67:71])
		}
		if !bytes.Equal(b, start) {
			t.Errorf("cut after %d writes: more than the serials changed", writes)
		}
		if plan, err := RenewSerial(bytes.NewReader(fat32()), 1, own); plan != nil || err != nil {
			t.Errorf("a serial of its own is replaced: %v %v", plan, err)
		}
	}
}

func TestOtherVolumesKeepTheirSerial(t *testing.T) {
	for name, change := range map[string]func([]byte){
		"FAT16":         func(b []byte) { copy(b[82:], "\x00\x00\x00\x00\x00") },
		"not bootable":  func(b []byte) { b[510] = 0 },
		"4 KiB sectors": func(b []byte) { binary.LittleEndian.PutUint16(b[11:], 4096) },
	} {
		b := fat32()
		change(b)
		if plan, err := RenewSerial(bytes.NewReader(b), shared, own); plan != nil || err != nil {
			t.Errorf("%s: %v %v", name, plan, err)
		}
	}
	if _, err := RenewSerial(bytes.NewReader(nil), shared, own); err == nil {
		t.Error("an empty device has no error")
	}
}
