package machine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Hash returns the SHA-256 of what the firmware says of the machine, in hexadecimal, or "" when it says nothing that
// counts. Network cards are no part of it, because they come and go with their drivers.
func (f Facts) Hash() string {
	var known strings.Builder
	for _, fact := range []struct{ name, value string }{
		{"uuid", f.ProductUUID}, {"serial", f.ProductSerial}, {"board", f.BoardSerial}, {"tree", f.TreeSerial},
	} {
		if counts(fact.value) {
			known.WriteString(fact.name + "=" + strings.ToLower(fact.value) + "\n")
		}
	}
	if known.Len() == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(known.String()))
	return hex.EncodeToString(sum[:])
}

// ID returns an id in the form of machine-id(5), or "" for a machine without facts. It is that of the hash, or else that
// of the network card with the lowest address.
func (f Facts) ID() string {
	from := f.Hash()
	if macs := slices.DeleteFunc(slices.Clone(f.MACs), worthlessMAC); from == "" && len(macs) > 0 {
		from = "mac=" + slices.Min(macs)
	}
	if from == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("machine-id\n" + from))
	return FormatID([16]byte(sum[:16]))
}

// FormatID returns random bytes in the form of machine-id(5), which is a UUID of version 4 without hyphens.
func FormatID(id [16]byte) string {
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return hex.EncodeToString(id[:])
}

// ValidID reports whether text is a machine-id(5).
func ValidID(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == "" && strings.Trim(text, "0") != ""
}

// Name returns the host name that belongs to a machine id: `kios-` and eight characters of [a-z0-9]. Two of a thousand
// machines share a name in one of five million such sets.
func Name(id string) string {
	const space = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36
	sum := sha256.Sum256([]byte("hostname\n" + id))
	text := strconv.FormatUint(binary.BigEndian.Uint64(sum[:])%space, 36)
	return "kios-" + strings.Repeat("0", 8-len(text)) + text
}

// placeholders are what firmware holds in place of a value, as letters and digits in lower case.
var placeholders = []string{
	"baseboardserialnumber", "boardserialnumber", "chassisserialnumber", "systemserialnumber", "serialnumber", "sernum",
	"default", "defaultstring", "standard", "empty", "invalid", "none", "null", "oem", "undefined", "unknown", "unspecified",
	"notapplicable", "notavailable", "notdefined", "notpresent", "notset", "notsettable", "notspecified",
	"tobefilledbyoem", "tobefilledbyoembymorestring",
	"deadbeefdeadbeefdeadbeefdeadbeef",
	// UUIDs that board makers leave in all boards of a series.
	"03000200040005000006000700080009", "000102030405060708090a0b0c0d0e0f",
}

// counts reports whether a value can be one machine's own: it is no placeholder, no counting and not one or two
// characters over and over, and has at least four letters or digits.
func counts(value string) bool {
	plain := strings.Map(alphanumeric, strings.ToLower(value))
	distinct := map[rune]bool{}
	for _, c := range plain {
		distinct[c] = true
	}
	const counting = "0123456789012345678901234567890123456789"
	return len(plain) >= 4 && len(distinct) > 2 && !slices.Contains(placeholders, plain) &&
		!strings.Contains(counting, plain) && !strings.HasPrefix("0123456789abcdefghijklmnop", plain) &&
		!strings.HasPrefix("123456789abcdefghijklmnop", plain)
}

func alphanumeric(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
		return c
	}
	return -1
}

// worthlessMAC reports whether an address is no card's own: a group's, all zero, or the first ones that QEMU gives to
// the cards of every machine.
func worthlessMAC(mac string) bool {
	first, err := strconv.ParseUint(mac[:2], 16, 8)
	return err != nil || first&1 != 0 || mac == "00:00:00:00:00:00" || strings.HasPrefix(mac, "52:54:00:12:34:")
}
