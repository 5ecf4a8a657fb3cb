// Package diskid gives a freshly flashed disk identifiers of its own. Every image carries the same ones, so that equal
// sources give equal images; on two disks of one machine they would no longer say which is which. With the same writes
// the data partition gets the rest of a disk that is larger than the image.
package diskid

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/blockwrite"
	"kios.dev/init/internal/gpt"
	"kios.dev/init/internal/volume"
)

// The identifiers that the build writes (packages/host-api/vectors/disk.json).
const (
	disk           = "1352d4e9-a3c1-8396-91fe-67d5761cf356"
	esp            = "03798f5e-874f-81f4-bfb8-f2593aad68d8"
	data           = "5a938783-2397-8007-a4c4-4355568bc30b"
	espSerial      = 0x6b696f73
	dataFileSystem = "b1cb5bea-2ee6-8039-b80d-52f6ada2208e"
)

// Shared reports whether a GUID is the build's, in lower case.
func Shared(guid string) bool { return slices.Contains([]string{disk, esp, data}, guid) }

// Fresh reports whether a disk still carries a GUID of the build.
func Fresh(d blockdev.Disk) bool {
	return Shared(d.GUID) || slices.ContainsFunc(d.Parts, func(p blockdev.Part) bool { return Shared(p.GUID) })
}

// Result is what Renew did to a disk.
type Result struct {
	Renewed bool // it got identifiers of its own
	Mended  bool // the parts of its table say the same again
	Growth  gpt.Growth
}

// Renew replaces the GUIDs of the build in a disk's partition table, and before them the serial number of its EFI
// system partition, unless keep is set. It extends the table and the data partition to the disk's end. It finishes what
// an earlier boot began. No partition of the disk may be mounted. The kernel takes the partition's new size at once; it
// and the firmware's variable keep the old GUIDs until the next boot.
func Renew(d blockdev.Disk, keep bool) (result Result, err error) {
	if Fresh(d) && !keep {
		if err := renewSerials(d); err != nil {
			return Result{}, err
		}
	}
	_, err = renew(blockdev.Path(d.Name), func(device io.ReaderAt) ([]blockwrite.Write, error) {
		size, blockSize := blockdev.Geometry(d.Name)
		plan, err := gpt.Renew(device, size, blockSize, func(guid string) (gpt.GUID, bool) {
			if keep || !Shared(guid) {
				return gpt.GUID{}, false
			}
			return gpt.NewGUID(), true
		})
		result = Result{plan.Renewed, plan.Mended, plan.Growth}
		return plan.Writes, err
	})
	if err != nil {
		return Result{}, err
	}
	if result.Growth.Partition != 0 {
		err = blockdev.Resize(d.Name, result.Growth.Partition, result.Growth.Start, result.Growth.Bytes)
	}
	return result, err
}

func renewSerials(d blockdev.Disk) error {
	for _, part := range d.Parts {
		if part.GUID != esp {
			continue
		}
		random := gpt.NewGUID()
		serial := uint32(random[0])<<24 | uint32(random[1])<<16 | uint32(random[2])<<8 | uint32(random[3])
		if _, err := renew(part.Device, func(device io.ReaderAt) ([]blockwrite.Write, error) {
			return volume.RenewSerial(device, espSerial, serial)
		}); err != nil {
			return err
		}
	}
	return nil
}

// renew carries out the plan for a device, which is opened for writing only when there is something to write, and then
// by nobody else (O_EXCL).
func renew(path string, plan func(io.ReaderAt) ([]blockwrite.Write, error)) (changed bool, err error) {
	reader, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer reader.Close()
	writes, err := plan(reader)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if len(writes) == 0 {
		return false, nil
	}
	writer, err := os.OpenFile(path, os.O_WRONLY|os.O_EXCL, 0)
	if err != nil {
		return false, err
	}
	err = blockwrite.Apply(writer, writes)
	return err == nil, errors.Join(err, writer.Close())
}
