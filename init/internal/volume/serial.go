package volume

import (
	"encoding/binary"
	"io"

	"kios.dev/init/internal/blockwrite"
)

// fatSerial is the offset of the serial number in a FAT32 boot sector.
const fatSerial = 67

// RenewSerial plans the writes that replace the serial number `shared` of a FAT32 volume by `own`, in the boot sector
// and in its copy. A copy that a power cut left behind gets the boot sector's number. Each write is one sector. Other
// file systems need no writes.
func RenewSerial(device io.ReaderAt, shared, own uint32) ([]blockwrite.Write, error) {
	le := binary.LittleEndian
	boot := make([]byte, 512)
	if _, err := device.ReadAt(boot, 0); err != nil {
		return nil, err
	}
	if !isFAT32(boot) || le.Uint16(boot[11:]) != 512 {
		return nil, nil
	}
	var plan []blockwrite.Write
	if le.Uint32(boot[fatSerial:]) == shared {
		le.PutUint32(boot[fatSerial:], own)
		plan = append(plan, blockwrite.Write{Offset: 0, Data: boot})
	}
	backup, reserved := int64(le.Uint16(boot[50:])), int64(le.Uint16(boot[14:]))
	if backup == 0 || backup >= reserved {
		return plan, nil // the volume has no copy
	}
	second := make([]byte, 512)
	if _, err := device.ReadAt(second, backup*512); err != nil {
		return nil, err
	}
	if isFAT32(second) && le.Uint32(second[fatSerial:]) == shared {
		copy(second[fatSerial:], boot[fatSerial:fatSerial+4])
		plan = append(plan, blockwrite.Write{Offset: backup * 512, Data: second})
	}
	return plan, nil
}

func isFAT32(boot []byte) bool {
	return boot[510] == 0x55 && boot[511] == 0xaa && string(boot[82:87]) == "FAT32"
}
