package netfilter

import (
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

const attributeHead = 4

// Attribute returns an attribute of netlink (netlink(7)) with the parts of its value.
func Attribute(kind uint16, parts ...[]byte) []byte {
	length := attributeHead
	for _, part := range parts {
		length += len(part)
	}
	out := make([]byte, attributeHead, length+3)
	binary.NativeEndian.PutUint16(out, uint16(length))
	binary.NativeEndian.PutUint16(out[2:], kind)
	for _, part := range parts {
		out = append(out, part...)
	}
	return append(out, make([]byte, -length&3)...)
}

// Nested returns an attribute that holds others.
func Nested(kind uint16, attributes ...[]byte) []byte {
	return Attribute(kind|unix.NLA_F_NESTED, attributes...)
}

// Text returns an attribute with a name.
func Text(kind uint16, value string) []byte { return Attribute(kind, append([]byte(value), 0)) }

// Number returns an attribute with a number in network byte order, which is how netfilter has them.
func Number(kind uint16, value uint32) []byte {
	return Attribute(kind, binary.BigEndian.AppendUint32(nil, value))
}

// Attributes lists attributes with their kinds, up to one that does not fit.
func Attributes(data []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(data) >= attributeHead {
			length := int(binary.NativeEndian.Uint16(data))
			if length < attributeHead || length > len(data) {
				return
			}
			kind := binary.NativeEndian.Uint16(data[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, data[attributeHead:length]) {
				return
			}
			data = data[min((length+3)&^3, len(data)):]
		}
	}
}
