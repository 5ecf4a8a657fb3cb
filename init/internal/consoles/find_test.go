package consoles

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// tree is a part of /sys: path → content, or → target of a link after "-> ".
type tree map[string]string

func (files tree) write(t *testing.T) string {
	t.Helper()
	sys := t.TempDir()
	for name, content := range files {
		path := filepath.Join(sys, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if target, isLink := strings.CutPrefix(content, "-> "); isLink && err == nil {
			err = os.Symlink(filepath.Join(sys, target), path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

func (files tree) with(more tree) tree {
	all := tree{}
	for _, part := range []tree{files, more} {
		for name, content := range part {
			all[name] = content
		}
	}
	return all
}

// pc is what the kernel shows of a PC with two serial ports; it makes four in any case.
var pc = tree{
	"class/tty/console/active": "tty0 ttyS0\n",
	"class/tty/tty1/active":    "",
	"class/tty/ttyS0/type":     "4\n", "class/tty/ttyS0/port": "0x3F8\n", "class/tty/ttyS0/iomem_base": "0x0\n",
	"class/tty/ttyS1/type": "4\n", "class/tty/ttyS1/port": "0x2F8\n", "class/tty/ttyS1/iomem_base": "0x0\n",
	"class/tty/ttyS2/type": "0\n", "class/tty/ttyS2/port": "0x3E8\n", "class/tty/ttyS2/iomem_base": "0x0\n",
	"class/tty/ttyS3/type": "0\n", "class/tty/ttyS3/port": "0x2E8\n", "class/tty/ttyS3/iomem_base": "0x0\n",
}

// server is an arm64 machine whose command line names a port that it does not have.
var server = tree{
	"class/tty/console/active": "ttyS0 tty0\n",
	"class/tty/tty1/active":    "",
	"class/tty/ttyS0/type":     "4\n", "class/tty/ttyS0/port": "0x0\n", "class/tty/ttyS0/iomem_base": "0x90A0000\n",
}

// board is one with a device tree, whose command line names its other port.
var board = tree{
	"class/tty/console/active":                         "tty0 ttyAMA0\n",
	"class/tty/tty1/active":                            "",
	"class/tty/ttyAMA0/type":                           "32\n",
	"class/tty/ttyAMA0/device/of_node":                 "-> firmware/devicetree/base/soc/serial@7e201000",
	"class/tty/ttyS1/type":                             "4\n",
	"class/tty/ttyS1/device/of_node":                   "-> firmware/devicetree/base/soc/serial@7e215040",
	"firmware/devicetree/base/soc/serial@7e201000/reg": "",
	"firmware/devicetree/base/soc/serial@7e215040/reg": "",
	"firmware/devicetree/base/aliases/serial1":         "/soc/serial@7e215040\x00",
}

const (
	asSet       = 0
	inMemory    = 0
	ioPort      = 1
	baud9600    = 3
	baud115200  = 7
	chosenStdio = "firmware/devicetree/base/chosen/stdout-path"
)

// spcr makes a table of the form that the kernel's include/acpi/actbl3.h describes.
func spcr(revision byte, space byte, address uint64, rate byte) []byte {
	table := make([]byte, 80)
	copy(table, "SPCR")
	binary.LittleEndian.PutUint32(table[4:], uint32(len(table)))
	table[8], table[40], table[58] = revision, space, rate
	binary.LittleEndian.PutUint64(table[44:], address)
	return table
}

func withSPCR(table []byte) tree { return tree{"firmware/acpi/tables/SPCR": string(table)} }

func TestConsolesAreThoseThatFirmwareAndKernelName(t *testing.T) {
	screen := Device{Name: "tty1", Screen: true}
	for name, c := range map[string]struct {
		sys  tree
		want []Device
	}{
		"a PC":                               {pc, []Device{{Name: "ttyS0"}, screen}},
		"a PC without a port":                {pc.with(tree{"class/tty/ttyS0/type": "0\n", "class/tty/ttyS1/type": "0\n"}), []Device{screen}},
		"firmware's second port":             {pc.with(withSPCR(spcr(2, ioPort, 0x2F8, baud9600))), []Device{{Name: "ttyS1", Baud: 9600}, {Name: "ttyS0"}, screen}},
		"firmware's port at a secret rate":   {pc.with(withSPCR(spcr(2, ioPort, 0x2F8, asSet))), []Device{{Name: "ttyS1", Baud: 115200}, {Name: "ttyS0"}, screen}},
		"firmware's port is the kernel's":    {pc.with(withSPCR(spcr(2, ioPort, 0x3F8, baud115200))), []Device{{Name: "ttyS0", Baud: 115200}, screen}},
		"the same, at the rate as it is":     {pc.with(withSPCR(spcr(2, ioPort, 0x3F8, asSet))), []Device{{Name: "ttyS0"}, screen}},
		"firmware's port does not exist":     {pc.with(withSPCR(spcr(2, ioPort, 0x3E8, baud115200))), []Device{{Name: "ttyS0"}, screen}},
		"memory at an I/O port's address":    {pc.with(withSPCR(spcr(2, inMemory, 0x2F8, baud115200))), []Device{{Name: "ttyS0"}, screen}},
		"a damaged table":                    {pc.with(withSPCR(spcr(2, ioPort, 0x2F8, baud9600)[:79])), []Device{{Name: "ttyS0"}, screen}},
		"a cloud's arm64 server":             {server.with(withSPCR(spcr(2, inMemory, 0x90A0000, asSet))), []Device{{Name: "ttyS0"}, screen}},
		"a console of virtio":                {tree{"class/tty/console/active": "hvc0\n"}, []Device{{Name: "hvc0"}}},
		"a board without a word of firmware": {board, []Device{{Name: "ttyAMA0"}, screen}},
		"a board whose alias names a port":   {board.with(tree{chosenStdio: "serial1:9600n8\x00"}), []Device{{Name: "ttyS1", Baud: 9600}, {Name: "ttyAMA0"}, screen}},
		"a board that names it by its path":  {board.with(tree{chosenStdio: "/soc/serial@7e215040\x00"}), []Device{{Name: "ttyS1", Baud: 115200}, {Name: "ttyAMA0"}, screen}},
		"a board with an unknown alias":      {board.with(tree{chosenStdio: "serial7:9600\x00"}), []Device{{Name: "ttyAMA0"}, screen}},
		"a board with a path out of it":      {board.with(tree{chosenStdio: "/../../../etc\x00"}), []Device{{Name: "ttyAMA0"}, screen}},
		"nothing":                            {tree{}, nil},
	} {
		if got := Find(c.sys.write(t)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestTheTablesPreciseRateCounts(t *testing.T) {
	precise := append(spcr(4, ioPort, 0x2F8, asSet), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(precise[80:], 1_500_000)
	if port, ok := parseSPCR(precise); !ok || port.baud != 1_500_000 {
		t.Errorf("%+v %v", port, ok)
	}
	precise[8] = 2 // what follows has no meaning yet
	if port, ok := parseSPCR(precise); !ok || port.baud != 0 {
		t.Errorf("%+v %v", port, ok)
	}
}

func TestATableMayNameNoPort(t *testing.T) {
	for name, table := range map[string][]byte{
		"empty":             nil,
		"another table":     append([]byte("DBG2"), spcr(2, ioPort, 0x3F8, 0)[4:]...),
		"no redirection":    spcr(2, ioPort, 0, baud115200),
		"PCI configuration": spcr(2, 2, 0x3F8, baud115200),
	} {
		if port, ok := parseSPCR(table); ok {
			t.Errorf("%s: %+v", name, port)
		}
	}
}

func FuzzParseSPCR(f *testing.F) {
	f.Add(spcr(4, ioPort, 0x3F8, baud115200))
	f.Fuzz(func(_ *testing.T, table []byte) { parseSPCR(table) })
}
