package gpt

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// GUID is a globally unique identifier as disks store it: the first three fields are little-endian.
type GUID [16]byte

func (g GUID) String() string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

// NewGUID returns a random GUID (RFC 9562, version 4).
func NewGUID() GUID {
	var g GUID
	rand.Read(g[:]) // never fails
	g[7], g[8] = g[7]&0x0f|0x40, g[8]&0x3f|0x80
	return g
}
