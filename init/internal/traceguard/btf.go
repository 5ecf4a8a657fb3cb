package traceguard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of types (Documentation/bpf/btf.rst of the kernel).
const (
	kindInt       = 1
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindFunc      = 12
	kindFuncProto = 13
	kindVar       = 14
	kindDatasec   = 15
	kindDeclTag   = 17
	kindEnum64    = 19
)

const (
	magic      = 0xeb9f
	headerSize = 24
	typeSize   = 12
	memberSize = 12
	bitfields  = 1 << 31 // of info: members carry the size of a bit field in the top byte of their offset
)

// What follows a type, in bytes: for each of its members, and once.
var (
	perMember = [32]int{kindStruct: memberSize, kindUnion: memberSize, kindEnum: 8, kindFuncProto: 8, kindDatasec: 12, kindEnum64: 12}
	once      = [32]int{kindInt: 4, kindArray: 12, kindVar: 4, kindDeclTag: 4}
)

var errMalformed = errors.New("the kernel's type information is malformed")

// types is the kernel's type information (BTF). It refers to the bytes that it was made from.
type types struct{ entries, names []byte }

// entry is a type: its identifier, and its bytes up to the end of its members.
type entry struct {
	id    uint32
	bytes []byte
}

func (e entry) name() uint32 { return binary.LittleEndian.Uint32(e.bytes) }
func (e entry) info() uint32 { return binary.LittleEndian.Uint32(e.bytes[4:]) }
func (e entry) kind() uint32 { return e.info() >> 24 & 0x1f }

func parse(data []byte) (types, error) {
	if len(data) < headerSize || binary.LittleEndian.Uint16(data) != magic {
		return types{}, errMalformed
	}
	section := func(at int) []byte {
		from := uint64(binary.LittleEndian.Uint32(data[4:])) + uint64(binary.LittleEndian.Uint32(data[at:]))
		to := from + uint64(binary.LittleEndian.Uint32(data[at+4:]))
		if to > uint64(len(data)) {
			return nil
		}
		return data[from:to]
	}
	t := types{entries: section(8), names: section(16)}
	if t.entries == nil || t.names == nil {
		return types{}, errMalformed
	}
	return t, nil
}

// find returns the first type that is wanted.
func (t types) find(wanted func(entry) bool) (entry, error) {
	id := uint32(0)
	for at := 0; at+typeSize <= len(t.entries); {
		id++
		e := entry{id, t.entries[at:]}
		size := typeSize + once[e.kind()] + perMember[e.kind()]*int(e.info()&0xffff)
		if size > len(e.bytes) {
			break
		}
		if e.bytes = e.bytes[:size]; wanted(e) {
			return e, nil
		}
		at += size
	}
	return entry{}, errMalformed
}

// named returns the type of a kind and name.
func (t types) named(kind uint32, name string) (entry, error) {
	at := bytes.Index(t.names, []byte("\x00"+name+"\x00"))
	if at < 0 {
		return entry{}, fmt.Errorf("the kernel has no type %s", name)
	}
	e, err := t.find(func(e entry) bool { return e.name() == uint32(at+1) && e.kind() == kind })
	if err != nil {
		return entry{}, fmt.Errorf("the kernel has no type %s of kind %d", name, kind)
	}
	return e, nil
}

// function returns the identifier of a function.
func (t types) function(name string) (uint32, error) {
	e, err := t.named(kindFunc, name)
	return e.id, err
}

// offset returns the distance of a field from the start of a structure, in bytes. The layout of structures is random,
// and the fields that it moves are in a structure without a name.
func (t types) offset(structure, field string) (int16, error) {
	e, err := t.named(kindStruct, structure)
	if err != nil {
		return 0, err
	}
	bits, found := t.within(e, []byte(field+"\x00"), 0)
	if !found || bits%8 != 0 || bits/8 > 0x7fff {
		return 0, fmt.Errorf("the kernel's structure %s has no field %s that a program can read", structure, field)
	}
	return int16(bits / 8), nil
}

// deepest is how many structures without a name are inside each other.
const deepest = 4

func (t types) within(e entry, field []byte, depth int) (bits uint32, found bool) {
	for member := e.bytes[typeSize:]; len(member) >= memberSize; member = member[memberSize:] {
		name, kind, at := binary.LittleEndian.Uint32(member), binary.LittleEndian.Uint32(member[4:]), binary.LittleEndian.Uint32(member[8:])
		if e.info()&bitfields != 0 {
			at &= 0xffffff
		}
		if name != 0 && int(name) < len(t.names) && bytes.HasPrefix(t.names[name:], field) {
			return at, true
		}
		if name != 0 || depth == deepest {
			continue
		}
		inner, err := t.find(func(e entry) bool { return e.id == kind })
		if err != nil || inner.kind() != kindStruct && inner.kind() != kindUnion {
			continue
		}
		if bits, found := t.within(inner, field, depth+1); found {
			return at + bits, true
		}
	}
	return 0, false
}
