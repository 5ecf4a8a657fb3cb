// Package volume identifies the file system on a block device, and its label, from the superblock.
package volume

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// Volume is the file system of a device. The zero Volume is an unknown one.
type Volume struct {
	FS    string // "vfat", "iso9660", "udf" or "ext4"
	Label string // for UDF only the label of an ISO 9660 volume beside it
	UDF   bool   // it can be mounted as UDF; many such discs are ISO 9660 too
}

const (
	isoDescriptor = 32768
	isoSector     = 2048
	isoSectors    = 64 // volume descriptors to read at most
	extSuper      = 1024
	fatRootLimit  = 1 << 16 // bytes; a volume label is among the first entries
)

// Identify reads the places of the known superblocks. A device that is too short for one does not hold it.
func Identify(device io.ReaderAt) Volume {
	boot := make([]byte, 512)
	if _, err := device.ReadAt(boot, 0); err == nil {
		if v, ok := parseFAT(boot, device); ok {
			return v
		}
	}
	super := make([]byte, 256)
	if _, err := device.ReadAt(super, extSuper); err == nil && binary.LittleEndian.Uint16(super[56:]) == 0xef53 {
		return Volume{FS: "ext4", Label: trim(super[120:136])}
	}
	return parseDisc(device)
}

// parseDisc reads the volume recognition sequence, one descriptor in each sector (ECMA-119 section 8, ECMA-167 part 2
// section 8.3).
func parseDisc(device io.ReaderAt) (found Volume) {
	descriptor := make([]byte, 72)
	for sector := range int64(isoSectors) {
		if _, err := device.ReadAt(descriptor, isoDescriptor+sector*isoSector); err != nil {
			return found
		}
		switch id := string(descriptor[1:6]); {
		case id == "CD001" && sector == 0 && descriptor[0] == 1:
			found = Volume{FS: "iso9660", Label: trim(descriptor[40:72])}
		case id == "NSR02" || id == "NSR03":
			found.UDF = true
			if found.FS == "" {
				found.FS = "udf"
			}
			return found
		case id != "CD001" && id != "BEA01":
			return found
		}
	}
	return found
}

// parseFAT follows Microsoft's FAT specification: section 3 for the boot sector, 6 for the volume label.
func parseFAT(boot []byte, device io.ReaderAt) (Volume, bool) {
	if boot[510] != 0x55 || boot[511] != 0xaa {
		return Volume{}, false
	}
	fat32 := string(boot[82:87]) == "FAT32"
	if !fat32 && string(boot[54:57]) != "FAT" {
		return Volume{}, false
	}
	start, length, ok := fatRoot(boot, fat32)
	if !ok {
		return Volume{}, false
	}
	label := trim(boot[43:54])
	if fat32 {
		label = trim(boot[71:82])
	}
	// The label that people see and change is an entry of the root directory. The boot sector's copy may be stale.
	if entry, ok := rootLabel(device, start, length); ok {
		label = entry
	}
	if label == "NO NAME" {
		label = ""
	}
	return Volume{FS: "vfat", Label: label}, true
}

// fatRoot returns the place of the root directory in bytes. For FAT32 the first cluster is enough here.
func fatRoot(boot []byte, fat32 bool) (start, length int64, ok bool) {
	le := binary.LittleEndian
	sector := int64(le.Uint16(boot[11:]))
	cluster := int64(boot[13]) * sector
	reserved, fats := int64(le.Uint16(boot[14:])), int64(boot[16])
	if sector < 512 || sector > 4096 || cluster == 0 || fats == 0 || reserved == 0 {
		return 0, 0, false
	}
	if !fat32 {
		return (reserved + fats*int64(le.Uint16(boot[22:]))) * sector, int64(le.Uint16(boot[17:])) * 32, true
	}
	data := (reserved + fats*int64(le.Uint32(boot[36:]))) * sector
	first := int64(le.Uint32(boot[44:]))
	return data + (first-2)*cluster, cluster, first >= 2
}

func rootLabel(device io.ReaderAt, start, length int64) (string, bool) {
	root := make([]byte, min(length, fatRootLimit))
	n, _ := device.ReadAt(root, start)
	for entries := root[:n-n%32]; len(entries) > 0 && entries[0] != 0; entries = entries[32:] {
		const volumeID, longName = 0x08, 0x0f
		if entries[0] != 0xe5 && entries[11]&longName != longName && entries[11]&volumeID != 0 {
			return trim(entries[:11]), true
		}
	}
	return "", false
}

func trim(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.TrimRight(string(b), " ")
}
