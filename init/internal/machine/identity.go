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

// ID returns an id in the form of machine-id(5), or "" for a machine without facts. It follows from the hash, or else
// from the network card with the lowest address.
func (f Facts) ID() string {
	from := f.Hash()
	if from == "" {
		mac := f.lowestMAC()
		if mac == "" {
			return ""
		}
		from = "mac=" + mac
	}
	sum := sha256.Sum256([]byte("machine-id\n" + from))
	return formatID([16]byte(sum[:16]))
}

// Identity is who a node is without a name that someone chose.
type Identity struct {
	ID   string // machine-id(5)
	Name string // host name
	// Source says where the name comes from, in the words of host.json.
	Source string
}

// Identify returns the identity of a machine. The id that it stored at an earlier boot stays. The name of a machine
// with facts does not depend on that id, so that a copied disk does not copy the name.
func Identify(facts Facts, stored string, random [16]byte) Identity {
	derived := facts.ID()
	id := stored
	if !validID(id) {
		id = derived
	}
	if id == "" {
		id = formatID(random)
	}
	if facts.Hash() != "" || id == derived {
		return Identity{id, name(derived), "machine"}
	}
	return Identity{id, name(id), "random"}
}

// formatID returns random bytes in the form of machine-id(5), which is a UUID of version 4 without hyphens.
func formatID(id [16]byte) string {
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return hex.EncodeToString(id[:])
}

// validID reports whether text is a machine-id(5).
func validID(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == "" && strings.Trim(text, "0") != ""
}

// name returns the host name that belongs to a machine id: `kios-` and eight characters of [a-z0-9]. Two of a thousand
// machines share a name in one of five million such sets.
func name(id string) string {
	const space = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36
	sum := sha256.Sum256([]byte("hostname\n" + id))
	text := strconv.FormatUint(binary.BigEndian.Uint64(sum[:])%space, 36)
	return "kios-" + "00000000"[len(text):] + text
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

func (f Facts) lowestMAC() string {
	lowest := ""
	for _, mac := range f.MACs {
		if !worthlessMAC(mac) && (lowest == "" || mac < lowest) {
			lowest = mac
		}
	}
	return lowest
}

// worthlessMAC reports whether an address is not of a card's maker: a group's, all zero, or locally administered, as
// hypervisors give the same ones to the cards of many machines.
func worthlessMAC(mac string) bool {
	first, err := strconv.ParseUint(mac[:2], 16, 8)
	const group, local = 1, 2
	return err != nil || first&(group|local) != 0 || mac == "00:00:00:00:00:00"
}
