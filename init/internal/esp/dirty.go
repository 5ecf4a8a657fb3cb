package esp

import (
	"errors"
	"os"

	"kios.dev/init/internal/fat"
)

// sector is the size of what is read and written; a boot sector has at least as much.
const sector = 512

// TakeDirty reports whether the partition on a device was in use when the power went. If so, it puts the clusters in
// order and takes the mark back: Linux does neither. The mark is also taken back when the clusters cannot be put in
// order, which is an error. The device must not be mounted.
func TakeDirty(path string) (dirty bool, mended fat.Mended, err error) {
	boot, err := readBoot(path)
	if err != nil {
		return false, mended, err
	}
	if !isFAT32(boot) || boot[markAt]&inUse == 0 {
		return false, mended, nil
	}
	device, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return true, mended, err
	}
	defer device.Close()
	mended, err = fat.Mend(device)
	boot[markAt] &^= inUse
	_, failed := device.WriteAt(boot, 0)
	return true, mended, errors.Join(err, failed, device.Sync())
}

// readBoot opens for reading alone: a medium that is write-protected is never in use for writing.
func readBoot(path string) ([]byte, error) {
	device, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer device.Close()
	boot := make([]byte, sector)
	_, err = device.ReadAt(boot, 0)
	return boot, err
}

const (
	// inUse is the bit of the mark that Linux sets while the partition is mounted for writing (FAT_STATE_DIRTY).
	inUse = 0x01
	// markAt is the place of the mark in a boot sector of FAT32 (fat_boot_sector in linux/msdos_fs.h).
	markAt = 65
)

func isFAT32(boot []byte) bool {
	return string(boot[82:87]) == "FAT32" && boot[510] == 0x55 && boot[511] == 0xaa
}
