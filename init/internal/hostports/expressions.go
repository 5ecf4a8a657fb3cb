package hostports

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/netfilter"
)

// Registers of nf_tables' machine, of 16 bytes each.
const (
	verdict = unix.NFT_REG_VERDICT
	first   = unix.NFT_REG_1
	second  = unix.NFT_REG_2
)

// expression is one step of a rule (linux/netfilter/nf_tables.h).
func expression(name string, attributes ...[]byte) []byte {
	return netfilter.Nested(unix.NFTA_LIST_ELEM,
		netfilter.Text(unix.NFTA_EXPR_NAME, name), netfilter.Nested(unix.NFTA_EXPR_DATA, attributes...))
}

func value(kind uint16, bytes []byte) []byte {
	return netfilter.Nested(kind, netfilter.Attribute(unix.NFTA_DATA_VALUE, bytes))
}

// host returns a number as the processor has it, which is how the kernel keeps facts about packets.
func host(number uint32) []byte { return binary.NativeEndian.AppendUint32(nil, number) }

func port(number uint16) []byte { return binary.BigEndian.AppendUint16(nil, number) }

// load puts bytes of a packet into the first register.
func load(base, offset, length uint32) []byte {
	return expression("payload", netfilter.Number(unix.NFTA_PAYLOAD_DREG, first),
		netfilter.Number(unix.NFTA_PAYLOAD_BASE, base), netfilter.Number(unix.NFTA_PAYLOAD_OFFSET, offset),
		netfilter.Number(unix.NFTA_PAYLOAD_LEN, length))
}

// loadMeta puts a fact about a packet into the first register.
func loadMeta(key uint32) []byte {
	return expression("meta", netfilter.Number(unix.NFTA_META_DREG, first), netfilter.Number(unix.NFTA_META_KEY, key))
}

// compare lets the rule go on when the first register is (NFT_CMP_EQ) or is not (NFT_CMP_NEQ) these bytes.
func compare(operation uint32, bytes []byte) []byte {
	return expression("cmp", netfilter.Number(unix.NFTA_CMP_SREG, first),
		netfilter.Number(unix.NFTA_CMP_OP, operation), value(unix.NFTA_CMP_DATA, bytes))
}

// change makes the first register (register & mask) ^ flip.
func change(mask, flip []byte) []byte {
	return expression("bitwise", netfilter.Number(unix.NFTA_BITWISE_SREG, first),
		netfilter.Number(unix.NFTA_BITWISE_DREG, first), netfilter.Number(unix.NFTA_BITWISE_LEN, uint32(len(mask))),
		value(unix.NFTA_BITWISE_MASK, mask), value(unix.NFTA_BITWISE_XOR, flip))
}

func immediate(register uint32, bytes []byte) []byte {
	return expression("immediate", netfilter.Number(unix.NFTA_IMMEDIATE_DREG, register),
		value(unix.NFTA_IMMEDIATE_DATA, bytes))
}

// end ends a packet's way through the chain, with a verdict that may lead to another chain.
func end(code int32, chain ...[]byte) []byte {
	parts := append([][]byte{netfilter.Number(unix.NFTA_VERDICT_CODE, uint32(code))}, chain...)
	return expression("immediate", netfilter.Number(unix.NFTA_IMMEDIATE_DREG, verdict),
		netfilter.Nested(unix.NFTA_IMMEDIATE_DATA, netfilter.Nested(unix.NFTA_DATA_VERDICT, parts...)))
}

func drop() []byte { return end(0) }

func accept() []byte { return end(1) }

func jump(chain string) []byte {
	return end(unix.NFT_JUMP, netfilter.Text(unix.NFTA_VERDICT_CHAIN, chain))
}

// isLocal lets packets go on that are for an address of this host.
func isLocal() [][]byte {
	return [][]byte{
		expression("fib", netfilter.Number(unix.NFTA_FIB_DREG, first),
			netfilter.Number(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE),
			netfilter.Number(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_DADDR)),
		compare(unix.NFT_CMP_EQ, host(unix.RTN_LOCAL)),
	}
}

// isFamily lets packets of an address's family go on.
func isFamily(address netip.Addr) [][]byte {
	return [][]byte{loadMeta(unix.NFT_META_NFPROTO), compare(unix.NFT_CMP_EQ, []byte{family(address)})}
}

func family(address netip.Addr) uint8 {
	if address.Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

// isFrom lets packets go on whose source is in a network.
func isFrom(network netip.Prefix) [][]byte {
	if network.Addr().Is4() {
		return isIn(network, 12)
	}
	return isIn(network, 8)
}

// isTo lets packets go on whose destination is in a network.
func isTo(network netip.Prefix) [][]byte {
	if network.Addr().Is4() {
		return isIn(network, 16)
	}
	return isIn(network, 24)
}

func isIn(network netip.Prefix, offset uint32) [][]byte {
	bytes := network.Masked().Addr().AsSlice()
	mask := make([]byte, len(bytes))
	for bit := range network.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	steps := [][]byte{load(unix.NFT_PAYLOAD_NETWORK_HEADER, offset, uint32(len(bytes)))}
	if !network.IsSingleIP() {
		steps = append(steps, change(mask, make([]byte, len(mask))))
	}
	return append(steps, compare(unix.NFT_CMP_EQ, bytes))
}

// isPort lets packets of a transport protocol go on that are for a port: TCP, UDP and SCTP have it in one place.
func isPort(protocol uint8, number uint16) [][]byte {
	return [][]byte{
		loadMeta(unix.NFT_META_L4PROTO), compare(unix.NFT_CMP_EQ, []byte{protocol}),
		load(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2), compare(unix.NFT_CMP_EQ, port(number)),
	}
}

// setMark sets bits of a packet's mark.
func setMark(bits uint32) [][]byte {
	return [][]byte{
		loadMeta(unix.NFT_META_MARK), change(host(^bits), host(bits)),
		expression("meta", netfilter.Number(unix.NFTA_META_KEY, unix.NFT_META_MARK),
			netfilter.Number(unix.NFTA_META_SREG, first)),
	}
}

// isMarked lets packets go on that have bits of the mark.
func isMarked(bits uint32) [][]byte {
	return [][]byte{
		loadMeta(unix.NFT_META_MARK), change(host(bits), host(0)), compare(unix.NFT_CMP_EQ, host(bits)),
	}
}

// translate gives packets another destination.
func translate(to netip.AddrPort) [][]byte {
	address := [][]byte{immediate(first, to.Addr().AsSlice())}
	if isSuffix(to.Addr()) {
		address = withSuffix(to.Addr())
	}
	return append(address, immediate(second, port(to.Port())),
		expression("nat", netfilter.Number(unix.NFTA_NAT_TYPE, unix.NFT_NAT_DNAT),
			netfilter.Number(unix.NFTA_NAT_FAMILY, uint32(family(to.Addr()))),
			netfilter.Number(unix.NFTA_NAT_REG_ADDR_MIN, first), netfilter.Number(unix.NFTA_NAT_REG_PROTO_MIN, second)))
}

func masquerade() []byte { return expression("masq") }
