package devlinks

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
)

// entry is what a partition table says of a partition.
type entry struct{ uuid, name string }

// readTable returns what a disk's table says of these partitions. Kernels before 6.16 do not report it, or not in full.
func readTable(disk string, numbers []int) map[int]entry {
	device, err := os.Open(blockdev.Path(disk))
	if err != nil {
		return nil
	}
	defer device.Close()
	size, blockSize := blockdev.Geometry(disk)
	return tableOf(device, size, blockSize, numbers)
}

// tableOf reads a GPT, or the identifier of a disk with an MBR, of which partitions have the number too.
func tableOf(disk io.ReaderAt, size, blockSize int64, numbers []int) map[int]entry {
	found := map[int]entry{}
	if table, err := gpt.Read(disk, size, blockSize); err == nil {
		for _, part := range table.Parts {
			found[part.Number] = entry{part.GUID, part.Name}
		}
		return found
	}
	const identifier, signature = 440, 510
	boot := make([]byte, 512)
	if _, err := disk.ReadAt(boot, 0); err != nil || binary.LittleEndian.Uint16(boot[signature:]) != 0xaa55 {
		return nil
	}
	id := binary.LittleEndian.Uint32(boot[identifier:])
	for _, number := range numbers {
		if id != 0 {
			found[number] = entry{uuid: fmt.Sprintf("%08x-%02x", id, number)}
		}
	}
	return found
}
