package datapart

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"kios.dev/init/internal/testdisk"
)

func TestAFileSystemSaysItsSize(t *testing.T) {
	le := binary.LittleEndian
	for _, row := range []struct {
		lo, hi, logBlock, features uint32
		want                       int64 // or -1
	}{
		{1 << 18, 0, 2, incompat64, 1 << 30},
		{1 << 20, 0, 0, 0, 1 << 30},
		{5, 1, 2, incompat64, (1<<32 + 5) << 12},
		{5, 1, 2, 0, 5 << 12}, // without the feature that word means something else
		{5, 0, 7, 0, -1},
		{5, 1 << 31, 2, incompat64, -1},
	} {
		super := make([]byte, superBytes)
		le.PutUint32(super[4:], row.lo)
		le.PutUint32(super[0x150:], row.hi)
		le.PutUint32(super[24:], row.logBlock)
		le.PutUint32(super[96:], row.features)
		le.PutUint16(super[56:], 0xef53)
		if got, err := ext4Bytes(super); err == nil != (row.want >= 0) || err == nil && got != row.want {
			t.Errorf("%+v: %d %v", row, got, err)
		}
	}
	if _, err := ext4Bytes(make([]byte, superBytes)); err == nil {
		t.Error("zeros are a file system")
	}
}

func TestAPartitionIsOutgrownByMoreThanTheKernelMayLeaveOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ext4")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	testdisk.Run(t, "mke2fs", "-q", "-F", "-t", "ext4", file, "64M")
	for size, want := range map[int64]bool{64 << 20: false, 72 << 20: false, 80 << 20: true, 1 << 40: true} {
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
		if got, err := Outgrown(file); got != want || err != nil {
			t.Errorf("%d bytes: %v %v", size, got, err)
		}
	}
}
