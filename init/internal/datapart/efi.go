package datapart

import (
	"encoding/binary"
	"os"
	"strings"
	"unicode/utf16"
)

// loaderPart is the variable in which the EFI stub leaves the GUID of the partition from which it was loaded (Boot
// Loader Interface).
const loaderPart = "/sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// BootPart returns the GUID of the partition booted from, or "" when it is unknown.
func BootPart() string {
	data, err := os.ReadFile(loaderPart)
	if err != nil {
		return ""
	}
	return parseLoaderPart(data)
}

// parseLoaderPart decodes four bytes of attributes and a UTF-16 string that ends in zero.
func parseLoaderPart(data []byte) string {
	if len(data) < 4+2*36 {
		return ""
	}
	var units []uint16
	for i := 4; i+1 < len(data); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(data[i:]))
	}
	text, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return strings.ToLower(text)
}
