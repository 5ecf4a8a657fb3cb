package esp

import (
	"errors"
	"os"
)

// sector is the size of what is read and written; a boot sector has at least as much.
const sector = 512

// TakeDirty reports whether the partition on a device was in use when the power went, and takes the mark back: Linux
// would keep it for ever. The device must not be mounted.
func TakeDirty(path string) (dirty bool, err error) {
	device, err := os.Open(path) // a medium that is write-protected is never in use for writing
	if err != nil {
		return false, err
	}
	defer device.Close()
	boot := make([]byte, sector)
	if _, err := device.ReadAt(boot, 0); err != nil {
		return false, err
	}
	at, isFAT := markOf(boot)
	if !isFAT || boot[at]&inUse == 0 {
		return false, nil
	}
	boot[at] &^= inUse
	return true, write(path, boot)
}

func write(path string, boot []byte) error {
	device, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer device.Close()
	_, err = device.WriteAt(boot, 0)
	return errors.Join(err, device.Sync())
}

// inUse is the bit of the mark that Linux sets while the partition is mounted for writing (FAT_STATE_DIRTY).
const inUse = 0x01

// markOf returns the place of the mark in a boot sector (fat_boot_sector in linux/msdos_fs.h).
func markOf(boot []byte) (at int, isFAT bool) {
	switch {
	case boot[510] != 0x55 || boot[511] != 0xaa:
		return 0, false
	case string(boot[82:87]) == "FAT32":
		return 65, true
	}
	return 37, string(boot[54:57]) == "FAT"
}
