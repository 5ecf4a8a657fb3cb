// Package fat puts the clusters of a FAT32 file system in order after the power went while it was written: Linux frees
// no cluster that no file has, and stops writing when it meets a file whose clusters are free. Layout: Microsoft's
// "FAT File System Specification", sections 3 to 6.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	bootBytes = 512
	// maxTable bounds what a damaged boot sector can make init read.
	maxTable = 16 << 20
	// maxFolders bounds the walk of a tree whose folders refer to each other.
	maxFolders = 10_000

	// clusterMask is of the 28 bits of a table's entry that are the number of the next cluster.
	clusterMask = 0x0fffffff
	bad         = 0x0ffffff7 // the cluster cannot be used
	end         = 0x0ffffff8 // this and above: the last one of a chain
)

// Device is a partition that is not mounted.
type Device interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// volume is a FAT32 file system. Places and sizes are in bytes.
type volume struct {
	device      Device
	sector      int64
	cluster     int64
	tables      int   // copies of the table
	table       int64 // place of the first one
	tableSize   int64
	data        int64 // place of cluster 2
	clusters    int   // the last one is clusters + 1
	root        uint32
	information int64 // place of the sector with the number of free clusters, or 0
}

func readVolume(device Device) (*volume, error) {
	boot := make([]byte, bootBytes)
	if _, err := device.ReadAt(boot, 0); err != nil {
		return nil, err
	}
	if string(boot[82:87]) != "FAT32" || boot[510] != 0x55 || boot[511] != 0xaa {
		return nil, errors.New("it is no FAT32")
	}
	u16 := func(at int) int64 { return int64(binary.LittleEndian.Uint16(boot[at:])) }
	u32 := func(at int) int64 { return int64(binary.LittleEndian.Uint32(boot[at:])) }
	sector, perCluster := u16(11), int64(boot[13])
	if !isPower(sector) || sector < bootBytes || sector > 4096 || !isPower(perCluster) {
		return nil, fmt.Errorf("sectors of %d bytes, %d in a cluster", sector, perCluster)
	}
	v := &volume{
		device: device, sector: sector, cluster: sector * perCluster,
		tables: int(boot[16]), table: u16(14) * sector, tableSize: u32(36) * sector,
		root: uint32(u32(44)), information: u16(48) * sector,
	}
	if v.tables < 1 || v.tables > 2 || v.tableSize == 0 || v.tableSize > maxTable || v.table == 0 {
		return nil, fmt.Errorf("%d tables of %d bytes", v.tables, v.tableSize)
	}
	if u16(40)&0x80 != 0 {
		return nil, errors.New("its tables are not copies of each other")
	}
	v.data = v.table + int64(v.tables)*v.tableSize
	clusters := (u32(32)*sector - v.data) / v.cluster
	if clusters < 1 || clusters+2 > v.tableSize/4 {
		return nil, fmt.Errorf("%d clusters, and a table of %d bytes", clusters, v.tableSize)
	}
	v.clusters = int(clusters)
	if v.information >= v.table {
		v.information = 0
	}
	return v, nil
}

func isPower(n int64) bool { return n > 0 && n&(n-1) == 0 }

// isCluster says whether a number is that of a cluster.
func (v *volume) isCluster(n uint32) bool { return n >= 2 && n < uint32(v.clusters)+2 }

func (v *volume) readTable(index int) ([]byte, error) {
	table := make([]byte, v.tableSize)
	_, err := v.device.ReadAt(table, v.table+int64(index)*v.tableSize)
	return table, err
}

func (v *volume) readCluster(n uint32, into []byte) error {
	_, err := v.device.ReadAt(into, v.data+int64(n-2)*v.cluster)
	return err
}
