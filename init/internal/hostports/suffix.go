package hostports

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// A pod that makes its IPv6 address itself (SLAAC, RFC 4862) does so of the prefixes that routers announce, which come
// when they come and may change. What it adds to each is known before: its interface identifier. The host has an
// address of each prefix too, by the same announcements. So a rule needs no address of the pod: it leads a packet from
// the host's address to the pod's of the same prefix.

// suffixBits is the length of a prefix that addresses are made of (RFC 4291 §2.5.1).
const suffixBits = 64

// destination6 is the place of the destination in the header of an IPv6 packet (RFC 8200 §3).
const destination6 = 24

// suffixOf returns the interface identifier of the pod's interface, as an address whose prefix is zero: the modified
// EUI-64 of its MAC (RFC 4291, appendix A), which the kernel of a pod uses unless it is told otherwise.
func suffixOf(name string, links []link) (netip.Addr, error) {
	at := slices.IndexFunc(links, func(l link) bool { return l.Name == name && l.Sandbox != "" })
	if at < 0 {
		return netip.Addr{}, fmt.Errorf("it has no interface %s of the pod", name)
	}
	mac, err := net.ParseMAC(links[at].Mac)
	if err != nil || len(mac) != 6 {
		return netip.Addr{}, fmt.Errorf("interface %s has the MAC %q", name, links[at].Mac)
	}
	const universal = 0x02 // of the first byte; the identifier has it inverted
	return netip.AddrFrom16([16]byte{8: mac[0] ^ universal, 9: mac[1], 10: mac[2], 11: 0xff,
		12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]}), nil
}

// isSuffix says whether an address is an interface identifier: no pod has an address of ::/64 (RFC 4291 §2.5.3, 2.5.5).
func isSuffix(address netip.Addr) bool {
	return address.Is6() && netip.PrefixFrom(address, suffixBits).Masked().Addr() == netip.IPv6Unspecified()
}

// withSuffix puts the address into the first register that has the prefix of a packet's destination and this suffix.
func withSuffix(suffix netip.Addr) [][]byte {
	prefix := slices.Concat(slices.Repeat([]byte{0xff}, suffixBits/8), make([]byte, suffixBits/8))
	return [][]byte{load(unix.NFT_PAYLOAD_NETWORK_HEADER, destination6, 16), change(prefix, suffix.AsSlice())}
}

// isPod lets packets go on that are for a pod's address, or for one with its suffix.
func isPod(address netip.Addr) [][]byte {
	if !isSuffix(address) {
		return isTo(netip.PrefixFrom(address, address.BitLen()))
	}
	return [][]byte{
		load(unix.NFT_PAYLOAD_NETWORK_HEADER, destination6+suffixBits/8, suffixBits/8),
		compare(unix.NFT_CMP_EQ, address.AsSlice()[suffixBits/8:]),
	}
}
