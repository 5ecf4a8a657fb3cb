package fat

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Mended says what was put in order.
type Mended struct {
	// Lost is the number of clusters that no file had. They are free now.
	Lost int
	// Ended is the number of files whose last clusters were free. They end before them.
	Ended int
}

// Mend puts the clusters in order. It writes nothing when two files have one cluster or a folder cannot be read: then
// more is wrong than a power cut leaves. Cut itself, it leaves less to mend.
func Mend(device Device) (Mended, error) {
	v, err := readVolume(device)
	if err != nil {
		return Mended{}, err
	}
	before, err := v.readTable(0)
	if err != nil {
		return Mended{}, err
	}
	w := &walker{volume: v, entries: bytes.Clone(before), owned: make([]bool, v.clusters+2)}
	if err := w.walkFolder(v.root); err != nil {
		return Mended{}, fmt.Errorf("its files cannot be followed: %w", err)
	}
	mended := Mended{Lost: w.freeLost(), Ended: w.ended}
	if err := v.writeTables(before, w.entries); err != nil {
		return Mended{}, err
	}
	return mended, v.tellFree(w.free())
}

// freeLost frees the clusters in use that no file has.
func (w *walker) freeLost() (lost int) {
	for n := uint32(2); w.isCluster(n); n++ {
		if next := w.next(n); !w.owned[n] && next != 0 && next != bad {
			w.set(n, 0)
			lost++
		}
	}
	return lost
}

func (w *walker) free() (free uint32) {
	for n := uint32(2); w.isCluster(n); n++ {
		if w.next(n) == 0 {
			free++
		}
	}
	return free
}

// writeTables makes all tables equal to one.
func (v *volume) writeTables(before, after []byte) error {
	for index := range v.tables {
		if index > 0 {
			var err error
			if before, err = v.readTable(index); err != nil {
				return err
			}
		}
		if err := v.writeTable(index, before, after); err != nil {
			return err
		}
	}
	return nil
}

// writeTable writes the sectors of a table that differ.
func (v *volume) writeTable(index int, before, after []byte) error {
	for at := int64(0); at < v.tableSize; at += v.sector {
		sector := after[at : at+v.sector]
		if bytes.Equal(before[at:at+v.sector], sector) {
			continue
		}
		if _, err := v.device.WriteAt(sector, v.table+int64(index)*v.tableSize+at); err != nil {
			return err
		}
	}
	return v.device.Sync()
}

// tellFree writes the number of free clusters, which Linux takes for true, not where they begin (FSInfo, section 5).
func (v *volume) tellFree(free uint32) error {
	if v.information == 0 {
		return nil
	}
	sector := make([]byte, v.sector)
	if _, err := v.device.ReadAt(sector, v.information); err != nil {
		return err
	}
	const lead, counts, unknown = "RRaA", 488, 0xffffffff
	if !bytes.HasPrefix(sector, []byte(lead)) {
		return nil
	}
	said := binary.LittleEndian.AppendUint32(nil, free)
	if bytes.HasPrefix(sector[counts:], said) {
		return nil
	}
	copy(sector[counts:], binary.LittleEndian.AppendUint32(said, unknown))
	if _, err := v.device.WriteAt(sector, v.information); err != nil {
		return err
	}
	return v.device.Sync()
}
