package datapart

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

const (
	superAt    = 1024
	superBytes = 1024
	incompat64 = 0x80
	// worthGrowing is more than the kernel may leave out: a last group of blocks without room for its own tables.
	worthGrowing = 16 << 20
)

// Outgrown reports whether a partition is larger than the ext4 file system on it by enough to be worth growing. It
// looks at a block that mounting has just read.
func Outgrown(device string) (bool, error) {
	file, err := os.Open(device)
	if err != nil {
		return false, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	super := make([]byte, superBytes)
	if _, err := file.ReadAt(super, superAt); err != nil {
		return false, err
	}
	used, err := ext4Bytes(super)
	return err == nil && size-used >= worthGrowing, err
}

// ext4Bytes returns the size of the file system with this superblock (Documentation/filesystems/ext4, chapter 2).
func ext4Bytes(super []byte) (int64, error) {
	le := binary.LittleEndian
	logBlock := le.Uint32(super[24:])
	if le.Uint16(super[56:]) != 0xef53 || logBlock > 6 {
		return 0, errors.New("no ext4 file system")
	}
	blocks := uint64(le.Uint32(super[4:]))
	if le.Uint32(super[96:])&incompat64 != 0 {
		blocks |= uint64(le.Uint32(super[0x150:])) << 32
	}
	shift := 10 + logBlock
	if blocks > 1<<62>>shift {
		return 0, errors.New("the file system's size is impossible")
	}
	return int64(blocks << shift), nil
}
