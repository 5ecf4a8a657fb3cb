package blockdev

import (
	"os"
	"sync"
	"time"

	"kios.dev/init/internal/gpt"
)

// Scanner reads the partition tables of disks, each in a goroutine of its own, because a medium may reply slowly or
// never. It reads each medium once.
type Scanner struct {
	// C has a value when a table has been read since the last receive.
	C chan struct{}

	read   func(disk string) (gpt.Table, error)
	mu     sync.Mutex
	tables map[medium]*reading
}

// medium is a disk with what the kernel changes when another disk gets its name or another card is put in.
type medium struct {
	disk      string
	seq, size int64
}

// reading is the only attempt to read a table. An unreadable table is like none.
type reading struct {
	ended bool
	table gpt.Table
}

// NewScanner returns a scanner that has read nothing yet.
func NewScanner() *Scanner {
	return &Scanner{C: make(chan struct{}, 1), read: readTable, tables: map[medium]*reading{}}
}

// Disks returns all disks but those whose tables are still being read, and whether there are such. A disk without a
// table has no Parts.
func (s *Scanner) Disks() (disks []Disk, reading bool) {
	for _, device := range Devices() {
		if device.Disk != "" {
			continue
		}
		disk := Disk{Name: device.Name, Bus: BusOf(Path(device.Name))}
		if nodes := partNodes(disk.Name); len(nodes) > 0 { // otherwise the kernel found no table, so it need not be read
			table, ok := s.table(medium{disk.Name, number(disk.Name, "diskseq"), number(disk.Name, "size")})
			if !ok {
				reading = true
				continue
			}
			disk.GUID, disk.Parts = table.GUID, join(table.Parts, nodes, exists)
		}
		disks = append(disks, disk)
	}
	return disks, reading
}

// table returns the table of a medium, or begins to read it and returns false.
func (s *Scanner) table(m medium) (gpt.Table, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, begun := s.tables[m]; begun {
		return r.table, r.ended
	}
	s.tables[m] = &reading{}
	go func() {
		table, _ := s.read(m.disk)
		s.mu.Lock()
		s.tables[m] = &reading{true, table}
		s.mu.Unlock()
		select {
		case s.C <- struct{}{}:
		default:
		}
	}()
	return gpt.Table{}, false
}

// Disks returns the disks whose tables can be read within a time.
func Disks(patience time.Duration) []Disk {
	scanner, late := NewScanner(), time.After(patience)
	for {
		disks, reading := scanner.Disks()
		if !reading {
			return disks
		}
		select {
		case <-scanner.C:
		case <-late:
			return disks
		}
	}
}

func readTable(disk string) (gpt.Table, error) {
	file, err := os.Open(Path(disk))
	if err != nil {
		return gpt.Table{}, err
	}
	defer file.Close()
	size, blockSize := Geometry(disk)
	return gpt.Read(file, size, blockSize)
}

func exists(device string) bool {
	_, err := os.Stat(device)
	return err == nil
}
