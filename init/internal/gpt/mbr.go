package gpt

import (
	"encoding/binary"
	"io"
	"math"

	"kios.dev/init/internal/blockwrite"
)

const (
	mbrRecords    = 446 // place of the first of four
	mbrRecordSize = 16
	protective    = 0xee
)

// fitMBR returns the write that lets the protective MBR's only partition cover the disk up to its last block (UEFI
// specification 2.10, 5.2.3), or none. One with other partitions beside it, or that begins elsewhere, is a hybrid that
// somebody made on purpose.
func fitMBR(disk io.ReaderAt, blockSize int64, last uint64) ([]blockwrite.Write, error) {
	block := make([]byte, blockSize)
	if _, err := disk.ReadAt(block, 0); err != nil {
		return nil, err
	}
	le, at := binary.LittleEndian, -1
	for i := range 4 {
		from := mbrRecords + i*mbrRecordSize
		record := block[from : from+mbrRecordSize]
		switch {
		case record[4] == 0:
		case record[4] == protective && le.Uint32(record[8:]) == primaryLBA && at < 0:
			at = from
		default:
			return nil, nil
		}
	}
	if le.Uint16(block[510:]) != 0xaa55 || at < 0 {
		return nil, nil
	}
	size := block[at+12 : at+16]
	want := uint32(min(last, math.MaxUint32))
	if have := le.Uint32(size); have == want || have == math.MaxUint32 {
		return nil, nil
	}
	le.PutUint32(size, want)
	return []blockwrite.Write{{Offset: 0, Data: block}}, nil
}
