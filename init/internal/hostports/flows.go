package hostports

import (
	"golang.org/x/sys/unix"

	"kios.dev/init/internal/netfilter"
)

// Numbers of linux/netfilter/nfnetlink_conntrack.h, and flags of CTA_FILTER (net/netfilter/nf_internals.h).
const (
	messageDelete    = 2 // IPCTNL_MSG_CT_DELETE
	original, filter = 1, 25
	tupleProtocol    = 2
	number, toPort   = 1, 3
	originalFlags    = 1
	matchProtocol    = 1 << 3
	matchToPort      = 1 << 5
)

// flows are connections of UDP to a port. The kernel goes on treating one as its first packet, for as long as packets
// come; other protocols end a connection that leads nowhere.
type flows struct {
	family uint8
	port   uint16
}

// changed returns the connections that begin or cease to lead to a pod with these mappings. Those of one address are
// not told from others: a connection that is forgotten although it was right is made again by its next packet.
func changed(mappings []mapping) []flows {
	var all []flows
	for _, m := range mappings {
		if m.protocol == "udp" {
			all = append(all, flows{family(m.pod.Addr()), m.host.Port()})
		}
	}
	return all
}

// forget deletes the connections. The kernel looks for them itself.
func (f flows) forget() error {
	tuple := netfilter.Nested(tupleProtocol,
		netfilter.Attribute(number, []byte{unix.IPPROTO_UDP}), netfilter.Attribute(toPort, port(f.port)))
	return netfilter.Do(netfilter.Request{
		Subsystem: unix.NFNL_SUBSYS_CTNETLINK, Message: messageDelete, Family: f.family,
		Attributes: [][]byte{
			netfilter.Nested(original, tuple),
			netfilter.Nested(filter, netfilter.Attribute(originalFlags, host(matchProtocol|matchToPort))),
		},
	})
}
