package fat

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	testSector   = 512
	testReserved = 32
	testTable    = 8 * testSector
	testClusters = 1000
	testRoot     = 2
	testData     = (testReserved*testSector + 2*testTable)
)

// medium is a small FAT32 file system in memory.
type medium struct {
	bytes  []byte
	synced int
}

func (m *medium) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.bytes).ReadAt(p, at)
}
func (m *medium) WriteAt(p []byte, at int64) (int, error) { return copy(m.bytes[at:], p), nil }
func (m *medium) Sync() error                             { m.synced++; return nil }

func newMedium() *medium {
	m := &medium{bytes: make([]byte, testData+testClusters*testSector)}
	boot := m.bytes
	u16 := func(at int, v uint16) { binary.LittleEndian.PutUint16(boot[at:], v) }
	u32 := func(at int, v uint32) { binary.LittleEndian.PutUint32(boot[at:], v) }
	copy(boot, "\xeb\x58\x90test    ")
	u16(11, testSector)
	boot[13] = 1
	u16(14, testReserved)
	boot[16], boot[21] = 2, 0xf8
	u32(32, uint32(len(m.bytes)/testSector))
	u32(36, testTable/testSector)
	u32(44, testRoot)
	u16(48, 1)
	copy(boot[82:], "FAT32   ")
	boot[510], boot[511] = 0x55, 0xaa
	information := m.bytes[testSector:]
	copy(information, "RRaA")
	copy(information[484:], "rrAa")
	binary.LittleEndian.PutUint32(information[488:], 700)
	information[510], information[511] = 0x55, 0xaa
	m.link(0, 0x0ffffff8)
	m.link(1, clusterMask)
	m.chain(testRoot)
	return m
}

// link says in both tables what follows a cluster.
func (m *medium) link(n, next uint32) {
	for table := range 2 {
		binary.LittleEndian.PutUint32(m.bytes[testReserved*testSector+table*testTable+int(4*n):], next)
	}
}

func (m *medium) following(table int, n uint32) uint32 {
	return binary.LittleEndian.Uint32(m.bytes[testReserved*testSector+table*testTable+int(4*n):])
}

// chain links clusters to a file.
func (m *medium) chain(clusters ...uint32) {
	for i, n := range clusters {
		if i+1 < len(clusters) {
			m.link(n, clusters[i+1])
		} else {
			m.link(n, clusterMask)
		}
	}
}

func (m *medium) cluster(n uint32) []byte {
	return m.bytes[testData+int(n-2)*testSector:][:testSector]
}

// count says how many clusters are free, and not where.
func (m *medium) count() {
	free := uint32(0)
	for n := uint32(2); n < testClusters+2; n++ {
		if m.following(0, n) == 0 {
			free++
		}
	}
	binary.LittleEndian.PutUint32(m.bytes[testSector+488:], free)
	binary.LittleEndian.PutUint32(m.bytes[testSector+492:], 0xffffffff)
}

// add puts an entry into a folder of one cluster.
func (m *medium) add(folder uint32, name string, attributes byte, first uint32, size uint32) {
	for entry := m.cluster(folder); len(entry) > 0; entry = entry[entryBytes:] {
		if entry[0] != 0 {
			continue
		}
		copy(entry, (name + "           ")[:11])
		entry[attributeAt] = attributes
		binary.LittleEndian.PutUint16(entry[highAt:], uint16(first>>16))
		binary.LittleEndian.PutUint16(entry[lowAt:], uint16(first))
		binary.LittleEndian.PutUint32(entry[28:], size)
		return
	}
	panic("the folder is full")
}

// used is a file system with a good file in a folder, a long name, a removed file and an empty one.
func used() *medium {
	m := newMedium()
	m.chain(10)
	m.add(testRoot, "TEST", attributeLabel, 0, 0)
	m.add(testRoot, "KIOS", attributeDir, 10, 0)
	m.add(10, ".", attributeDir, 10, 0)
	m.add(10, "..", attributeDir, 0, 0)
	m.add(10, "A1", 0x0f, 0x00ff0000, 0xffffffff)
	m.add(10, "0001    EFI", 0x20, 20, 3*testSector)
	m.chain(20, 21, 25)
	m.add(10, "\xe5OLD", 0x20, 500, 10)
	m.add(10, "EMPTY", 0x20, 0, 0)
	m.link(400, bad)
	return m
}

func TestWhatAPowerCutLeavesIsMended(t *testing.T) {
	for _, c := range []struct {
		name  string
		cut   func(m *medium)
		want  Mended
		after func(m *medium)
	}{
		{name: "nothing", cut: func(*medium) {}, after: func(*medium) {}},
		{
			name:  "clusters of a file that has no entry yet",
			cut:   func(m *medium) { m.chain(30, 31, 32) },
			want:  Mended{Lost: 3},
			after: func(*medium) {},
		},
		{
			name: "a middle of a chain that was not written",
			cut: func(m *medium) {
				m.add(10, "0002    EFI", 0x20, 30, 2*testSector)
				m.chain(30, 31, 32, 33, 34)
				m.link(31, 0)
			},
			want: Mended{Lost: 3, Ended: 1},
			after: func(m *medium) {
				m.add(10, "0002    EFI", 0x20, 30, 2*testSector)
				m.chain(30, 31)
			},
		},
		{
			name:  "an entry whose first cluster is free",
			cut:   func(m *medium) { m.add(10, "K       TMP", 0x20, 50, 4) },
			want:  Mended{Ended: 1},
			after: func(m *medium) { m.add(10, "K       TMP", 0x20, 50, 4); m.chain(50) },
		},
		{
			name: "a second table that is behind the first",
			cut: func(m *medium) {
				m.add(10, "0002    EFI", 0x20, 30, 2*testSector)
				m.chain(30, 31)
				binary.LittleEndian.PutUint32(m.bytes[testReserved*testSector+testTable+4*30:], 0)
			},
			after: func(m *medium) { m.add(10, "0002    EFI", 0x20, 30, 2*testSector); m.chain(30, 31) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, want := used(), used()
			c.cut(m)
			c.after(want)
			want.count()
			got, err := Mend(m)
			if err != nil || got != c.want {
				t.Fatalf("%+v, %v", got, err)
			}
			if !bytes.Equal(m.bytes, want.bytes) {
				t.Error("other bytes are on the medium")
			}
			judge(t, m)
			if again, err := Mend(m); err != nil || again != (Mended{}) {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

// judge asks fsck.vfat, where there is one, for what it would change in the tables.
func judge(t *testing.T, m *medium) {
	if _, err := exec.LookPath("fsck.vfat"); err != nil {
		return
	}
	file := filepath.Join(t.TempDir(), "esp")
	if err := os.WriteFile(file, m.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	output, _ := exec.Command("fsck.vfat", "-n", file).CombinedOutput()
	for _, fault := range []string{"Reclaim", "FATs differ", "share clusters", "summary"} {
		if strings.Contains(string(output), fault) {
			t.Errorf("fsck.vfat: %s", output)
		}
	}
}

func TestNothingIsWrittenWhenMoreIsWrong(t *testing.T) {
	for name, damage := range map[string]func(m *medium){
		"two files have cluster 20":      func(m *medium) { m.add(10, "TWIN", 0x20, 20, 1) },
		"two files have cluster 30":      func(m *medium) { m.add(10, "LOOP", 0x20, 30, 1); m.link(30, 31); m.link(31, 30) },
		"there is no cluster 1":          func(m *medium) { m.add(10, "WILD", 0x20, 30, 1); m.link(30, 1) },
		"there is no cluster 5000":       func(m *medium) { m.add(10, "FAR", 0x20, 5000, 1) },
		"cluster 60 of a folder is free": func(m *medium) { m.add(10, "SUB", attributeDir, 60, 0) },
		"there is no cluster 268435447":  func(m *medium) { m.add(10, "BAD", 0x20, 30, 1); m.link(30, bad) },
		"two files have cluster 10": func(m *medium) {
			m.chain(70)
			m.add(70, "UP", attributeDir, 10, 0)
			m.add(10, "DOWN", attributeDir, 70, 0)
		},
		"it is no FAT32":            func(m *medium) { copy(m.bytes[82:], "FAT16") },
		"its tables are not copies": func(m *medium) { m.bytes[40] = 0x80 },
		"sectors of 0 bytes":        func(m *medium) { m.bytes[12] = 0 },
		"clusters, and a table":     func(m *medium) { binary.LittleEndian.PutUint32(m.bytes[32:], 1<<20) },
		"tables of":                 func(m *medium) { m.bytes[16] = 3 },
	} {
		m := used()
		damage(m)
		before := slices.Clone(m.bytes)
		if _, err := Mend(m); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(m.bytes, before) {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestAMediumThatEndsIsAnError(t *testing.T) {
	for _, length := range []int{0, 100, 600, testData - 1, testData + 5} {
		m := used()
		m.bytes = m.bytes[:length]
		if _, err := Mend(m); err == nil {
			t.Errorf("%d bytes are enough", length)
		}
	}
}

// FuzzMend looks for media that crash the walk, or of which a second look mends more.
func FuzzMend(f *testing.F) {
	f.Add(uint32(16_384), []byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		m := used()
		copy(m.bytes[at%uint32(len(m.bytes)):], change)
		if _, err := Mend(m); err != nil {
			return
		}
		if again, err := Mend(m); err != nil || again != (Mended{}) {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}
