package blockdev

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Resize tells the kernel that a partition has another size, in bytes: it reads tables when a disk appears, and not
// when one is written. The partition may be mounted.
func Resize(disk string, number int, start, bytes int64) error {
	device, err := os.Open(Path(disk))
	if err != nil {
		return err
	}
	defer device.Close()
	partition := unix.BlkpgPartition{Start: start, Length: bytes, Pno: int32(number)}
	request := unix.BlkpgIoctlArg{
		Op: unix.BLKPG_RESIZE_PARTITION, Datalen: int32(unsafe.Sizeof(partition)), Data: (*byte)(unsafe.Pointer(&partition)),
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, device.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("resize partition %d: %w", number, errno)
	}
	return nil
}
