package consoles

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
)

// acpiPort is the serial port that ACPI's Serial Port Console Redirection table names.
type acpiPort struct {
	inMemory bool // else an I/O port
	address  uint64
	baud     uint32 // 0: as it is
}

// Offsets in the table, of revision 4 and earlier ones.
const (
	spcrRevision    = 8
	spcrSpace       = 40 // of the address, in ACPI's generic form
	spcrAddress     = 44
	spcrRate        = 58
	spcrLength      = 80 // up to revision 3
	spcrPreciseRate = 80
)

// spcrRates are the rates that have a code.
var spcrRates = map[byte]uint32{3: 9600, 4: 19200, 6: 57600, 7: 115200}

func readSPCR(sys string) (acpiPort, bool) {
	table, err := os.ReadFile(filepath.Join(sys, "firmware/acpi/tables/SPCR"))
	if err != nil {
		return acpiPort{}, false
	}
	return parseSPCR(table)
}

// parseSPCR reports no port for a table that is cut short, or whose address says that there is no redirection.
func parseSPCR(table []byte) (acpiPort, bool) {
	if len(table) < spcrLength || string(table[:4]) != "SPCR" {
		return acpiPort{}, false
	}
	port := acpiPort{
		inMemory: table[spcrSpace] == 0,
		address:  binary.LittleEndian.Uint64(table[spcrAddress:]),
		baud:     spcrRates[table[spcrRate]],
	}
	if table[spcrRevision] >= 4 && len(table) >= spcrPreciseRate+4 {
		if precise := binary.LittleEndian.Uint32(table[spcrPreciseRate:]); precise != 0 {
			port.baud = precise
		}
	}
	return port, port.address != 0 && table[spcrSpace] <= 1
}

// portAt returns the terminal with the registers at this address, or "".
func portAt(sys string, port acpiPort) string {
	property := "port"
	if port.inMemory {
		property = "iomem_base"
	}
	for _, name := range ports(sys) {
		address, err := strconv.ParseUint(attribute(sys, name, property), 0, 64)
		if err == nil && address == port.address && isPresent(sys, name) {
			return name
		}
	}
	return ""
}
