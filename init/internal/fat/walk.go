package fat

import (
	"encoding/binary"
	"fmt"
)

// Fields and marks of a folder's entries, of 32 bytes each.
const (
	entryBytes     = 32
	attributeAt    = 11
	highAt         = 20
	lowAt          = 26
	noMoreEntries  = 0x00
	removedEntry   = 0xe5
	attributeLabel = 0x08 // of the volume's label, and of parts of long names
	attributeDir   = 0x10
)

// walker finds the clusters of all files.
type walker struct {
	*volume
	entries []byte // the table
	owned   []bool
	ended   int // chains that came to a free cluster
	folders int
}

func (w *walker) next(n uint32) uint32 {
	return binary.LittleEndian.Uint32(w.entries[4*n:]) & clusterMask
}

// set changes what follows a cluster. The highest four bits are not ours.
func (w *walker) set(n, next uint32) {
	at := w.entries[4*n:]
	binary.LittleEndian.PutUint32(at, binary.LittleEndian.Uint32(at)&^clusterMask|next)
}

// own takes a cluster for a file or folder.
func (w *walker) own(n uint32) error {
	switch {
	case !w.isCluster(n):
		return fmt.Errorf("there is no cluster %d", n)
	case w.owned[n]:
		return fmt.Errorf("two files have cluster %d", n)
	}
	w.owned[n] = true
	return nil
}

// walkFile takes the clusters of a file. A chain that comes to a free cluster ends there: its last links were not
// written, or not its first, and then the cluster becomes the file's.
func (w *walker) walkFile(first uint32) error {
	for n := first; ; {
		if err := w.own(n); err != nil {
			return err
		}
		next := w.next(n)
		switch {
		case next >= end:
			return nil
		case next == 0:
			w.set(n, clusterMask)
			w.ended++
			return nil
		}
		n = next
	}
}

// walkFolder takes the clusters of a folder, and everything in it.
func (w *walker) walkFolder(first uint32) error {
	if w.folders++; w.folders > maxFolders {
		return fmt.Errorf("more than %d folders", maxFolders)
	}
	content := make([]byte, w.cluster)
	for n := first; ; {
		if err := w.own(n); err != nil {
			return err
		}
		if w.next(n) == 0 {
			return fmt.Errorf("cluster %d of a folder is free", n)
		}
		if err := w.readCluster(n, content); err != nil {
			return err
		}
		if isLast, err := w.walkEntries(content); isLast || err != nil {
			if err != nil {
				return err
			}
			// What is left of the chain belongs to the folder, too.
			return w.ownRest(n)
		}
		if n = w.next(n); n >= end {
			return nil
		}
	}
}

func (w *walker) ownRest(n uint32) error {
	for n = w.next(n); n < end; n = w.next(n) {
		if err := w.own(n); err != nil {
			return err
		}
	}
	return nil
}

// walkEntries walks what is in one cluster of a folder, and reports whether it has the end of the list.
func (w *walker) walkEntries(content []byte) (isLast bool, err error) {
	for ; len(content) >= entryBytes; content = content[entryBytes:] {
		switch {
		case content[0] == noMoreEntries:
			return true, nil
		case content[0] == removedEntry, content[0] == '.', content[attributeAt]&attributeLabel != 0:
			continue
		}
		first := uint32(binary.LittleEndian.Uint16(content[highAt:]))<<16 | uint32(binary.LittleEndian.Uint16(content[lowAt:]))
		switch {
		case content[attributeAt]&attributeDir != 0:
			err = w.walkFolder(first)
		case first != 0:
			err = w.walkFile(first)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}
