package devlinks

import (
	"encoding/hex"
	"fmt"
)

// scsiID is what scsi_id reports of a disk.
type scsiID struct {
	serial string // ID_SERIAL before its characters are replaced
	short  string // ID_SERIAL_SHORT
	wwn    string // ID_WWN_WITH_EXTENSION
}

// Identifier types and code sets of the device identification page (SPC-4 section 7.8.6).
const (
	vendorSpecific = 0
	t10Vendor      = 1
	eui64          = 2
	naa            = 3

	binarySet = 1
	asciiSet  = 2

	registered         = 5
	registeredExtended = 6
	anyNAA             = -1
)

// preferred is the order in which scsi_id takes an identifier (id_search_list in scsi_serial.c).
var preferred = []struct{ kind, naa int }{
	{naa, registeredExtended}, {naa, registered}, {naa, anyNAA}, {eui64, anyNAA}, {t10Vendor, anyNAA}, {vendorSpecific, anyNAA},
}

// scsi identifies a disk by the pages of vital product data that the kernel has read, 0x83 before 0x80.
func scsi(d *Device) scsiID {
	// The rest of an identifier that is not unique in the world: vendor and model in the width of SCSI's fields.
	prefix := fmt.Sprintf("%-8.8s%-16.16s", d.Attr["device/vendor"], d.Attr["device/model"])
	designators := designatorsOf(d.Attr["device/vpd_pg83"])
	for _, wanted := range preferred {
		for _, set := range []byte{binarySet, asciiSet} {
			for _, each := range designators {
				if each.kind == wanted.kind && each.set == set && (wanted.naa == anyNAA || wanted.naa == each.naa()) {
					return each.id(prefix)
				}
			}
		}
	}
	if page := d.Attr["device/vpd_pg80"]; len(page) > 4 && page[1] == 0x80 {
		serial := page[4:min(len(page), 4+int(page[3]))]
		return scsiID{serial: "S" + prefix + serial, short: serial}
	}
	return scsiID{}
}

type designator struct {
	kind  int
	set   byte
	value string
}

// designatorsOf returns the identifiers of the logical unit. A page before SPC-3 has another form and gives none.
func designatorsOf(page string) (found []designator) {
	if len(page) < 8 || page[1] != 0x83 || page[6] != 0 {
		return nil
	}
	rest := page[4:min(len(page), 4+int(page[2])<<8+int(page[3]))]
	for len(rest) > 4 && len(rest) >= 4+int(rest[3]) {
		const association = 0x30
		if rest[1]&association == 0 && rest[3] > 0 {
			found = append(found, designator{int(rest[1] & 0x0f), rest[0] & 0x0f, rest[4 : 4+int(rest[3])]})
		}
		rest = rest[4+int(rest[3]):]
	}
	return found
}

func (d designator) naa() int { return int(d.value[0] >> 4) }

func (d designator) id(prefix string) scsiID {
	short := d.value
	if d.set == binarySet {
		short = hex.EncodeToString([]byte(d.value))
	}
	id := scsiID{short: short}
	if d.kind != vendorSpecific {
		prefix = ""
	}
	id.serial = fmt.Sprintf("%x", d.kind) + prefix + short
	if d.kind == naa {
		length := 16
		if d.naa() == registeredExtended {
			length = 32
		}
		id.wwn = "0x" + squeeze(short[:min(len(short), length)])
	}
	return id
}
