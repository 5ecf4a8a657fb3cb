package diskid

import (
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
