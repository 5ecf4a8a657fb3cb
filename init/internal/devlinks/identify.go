package devlinks

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
)

// adminCommand is struct nvme_passthru_cmd (linux/nvme_ioctl.h).
type adminCommand struct {
	opcode, flags            uint8
	_                        uint16
	nsid, _, _               uint32
	metadata, addr           uint64
	metadataLen, dataLen     uint32
	cdw10, _, _, _, _, _     uint32
	timeoutMilliseconds, res uint32
}

// readVendorText asks a namespace for its identify data, of which sysfs has no part that belongs to the vendor. The
// command changes nothing (NVM Express base specification, Identify).
func readVendorText(name string) string {
	device, err := os.Open(blockdev.Path(name))
	if err != nil {
		return ""
	}
	defer device.Close()
	connection, err := device.SyscallConn()
	if err != nil {
		return ""
	}
	const (
		identify     = 0x06
		adminIoctl   = 0xc0484e41 // NVME_IOCTL_ADMIN_CMD
		namespaceIoc = 0x4e40     // NVME_IOCTL_ID
	)
	data := make([]byte, 4096)
	found := false
	connection.Control(func(fd uintptr) {
		nsid, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, namespaceIoc, 0)
		if errno != 0 {
			return
		}
		command := adminCommand{
			opcode: identify, nsid: uint32(nsid), addr: uint64(uintptr(unsafe.Pointer(&data[0]))),
			dataLen: uint32(len(data)), timeoutMilliseconds: 5000,
		}
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, adminIoctl, uintptr(unsafe.Pointer(&command)))
		found = errno == 0
	})
	if !found {
		return ""
	}
	return vendorText(data)
}
