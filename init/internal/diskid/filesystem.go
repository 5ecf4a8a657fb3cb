package diskid

import (
	"encoding/binary"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/gpt"
)

// The requests of linux/ext4.h, which golang.org/x/sys lacks.
const (
	getUUID = 0x8008662c // EXT4_IOC_GETFSUUID
	setUUID = 0x4008662c // EXT4_IOC_SETFSUUID
)

// fsuuid is the argument of both requests.
type fsuuid struct {
	length, flags uint32
	uuid          [16]byte
}

// RenewFileSystem replaces the UUID of the build in the ext4 file system that is mounted at target. The kernel does
// that in its journal, so that a power cut leaves the old or the new one. It fails with EOPNOTSUPP where checksums
// depend on the UUID: the file system was made without metadata_csum_seed.
func RenewFileSystem(target string) (changed bool, err error) {
	dir, err := os.Open(target)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	have := fsuuid{length: 16}
	if err := ioctl(dir, getUUID, &have); err != nil {
		return false, err
	}
	if text(have.uuid) != dataFileSystem {
		return false, nil
	}
	own := fsuuid{length: 16, uuid: swapped(gpt.NewGUID())}
	err = ioctl(dir, setUUID, &own)
	return err == nil, err
}

// The superblock of ext4 (Documentation/filesystems/ext4, chapter 4.1).
const (
	superAt    = 1024
	superBytes = 1024
	mountedAt  = 44 // time of the last mount
	mountsAt   = 52 // mounts since the last check
	magicAt    = 56
	uuidAt     = 104
	magic      = 0xef53
)

// Ext4 reports whether a device has a file system of that kind, and whether it is the one that the build made and
// nobody has mounted yet. It reads a block that mounting reads, too.
func Ext4(device io.ReaderAt) (there, untouched bool, err error) {
	super := make([]byte, superBytes)
	if _, err := device.ReadAt(super, superAt); err != nil {
		return false, false, err
	}
	le := binary.LittleEndian
	there = le.Uint16(super[magicAt:]) == magic
	return there, there && text([16]byte(super[uuidAt:])) == dataFileSystem && le.Uint32(super[mountedAt:]) == 0 && le.Uint16(super[mountsAt:]) == 0, nil
}

// text formats a UUID, whose fields are all big-endian in ext4.
func text(uuid [16]byte) string { return gpt.GUID(swapped(uuid)).String() }

// swapped reverses the first three fields.
func swapped(u [16]byte) [16]byte {
	return [16]byte{u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]}
}

func ioctl(file *os.File, request uintptr, argument *fsuuid) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(argument)))
	if errno != 0 {
		return errno
	}
	return nil
}
