// Package blockdev lists the machine's disks and partitions, and reports changes of them.
package blockdev

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kios.dev/init/internal/gpt"
)

// Disk is a whole disk with the partitions that are both in its table and known to the kernel.
type Disk struct {
	Name  string
	Bus   Bus
	GUID  string // of its partition table, or "" without one
	Parts []Part
}

// Part is a partition of a GPT disk.
type Part struct {
	gpt.Partition
	Device string // path under /dev
}

const sysBlock = "/sys/class/block"

// Device is a block device by kernel name. Disk is the disk of a partition, or "" for a disk.
type Device struct{ Name, Disk string }

// Devices returns the disks and partitions that have a medium, sorted by name.
func Devices() []Device {
	entries, _ := os.ReadDir(sysBlock) // sorted
	var devices []Device
	for _, entry := range entries {
		name := entry.Name()
		if skip(name) || number(name, "size") == 0 {
			continue
		}
		device := Device{Name: name}
		if _, err := os.Stat(filepath.Join(sysBlock, name, "partition")); err == nil {
			real, _ := filepath.EvalSymlinks(filepath.Join(sysBlock, name))
			device.Disk = filepath.Base(filepath.Dir(real))
		}
		devices = append(devices, device)
	}
	return devices
}

// skip reports whether a device cannot be a boot medium. A floppy drive without a disk would block its reader for
// seconds.
func skip(name string) bool {
	return slices.ContainsFunc([]string{"ram", "zram", "fd", "mtdblock"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// Path returns a device's node. The kernel writes a slash in a name as an exclamation mark.
func Path(name string) string { return "/dev/" + strings.ReplaceAll(name, "!", "/") }

// Geometry returns a disk's size and the size of its blocks, in bytes.
func Geometry(disk string) (size, blockSize int64) {
	return number(disk, "size") * 512, number(disk, "queue/logical_block_size")
}

// join pairs the table's entries with the kernel's partitions. The kernel adds partitions one by one, and a device's
// node last. A disk whose data partition is not complete yet is treated as not yet present, so that no caller concludes
// that it has no data partition.
func join(table []gpt.Partition, nodes map[int]string, exists func(device string) bool) []Part {
	var parts []Part
	for _, entry := range table {
		node, ok := nodes[entry.Number]
		device := Path(node)
		switch {
		case ok && exists(device):
			parts = append(parts, Part{entry, device})
		case entry.Type == gpt.KiOS:
			return nil
		}
	}
	return parts
}

func partNodes(disk string) map[int]string {
	files, _ := filepath.Glob(filepath.Join(sysBlock, disk, disk+"*", "partition"))
	nodes := map[int]string{}
	for _, file := range files {
		node := filepath.Base(filepath.Dir(file))
		nodes[int(number(node, "partition"))] = node
	}
	return nodes
}

func number(name, attribute string) int64 {
	text, _ := os.ReadFile(filepath.Join(sysBlock, name, attribute))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}
