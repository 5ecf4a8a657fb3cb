// Package efivar reads the EFI variables in which a boot loader says what it started (Boot Loader Interface).
package efivar

import (
	"encoding/binary"
	"os"
	"strings"
	"unicode/utf16"
)

// loaders is the vendor's GUID of the interface. efivarfs is mounted read-only (package mounts).
const loaders = "/sys/firmware/efi/efivars/%-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// Loader returns a variable of the loader or of the EFI stub, or "" when there is none.
func Loader(name string) string {
	data, err := os.ReadFile(strings.Replace(loaders, "%", name, 1))
	if err != nil {
		return ""
	}
	return Text(data)
}

// Text decodes four bytes of attributes and a UTF-16 string that ends in zero.
func Text(data []byte) string {
	var units []uint16
	for i := 4; i+1 < len(data); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(data[i:]))
	}
	text, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return text
}
