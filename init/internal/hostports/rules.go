package hostports

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// table is the only one that the plugin writes. Others translate for themselves in theirs.
const table = "kios-hostports"

// Chains. `ports` has a rule for each mapping; the others are where the kernel enters.
const (
	guard       = "guard"
	prerouting  = "prerouting"
	output      = "output"
	ports       = "ports"
	postrouting = "postrouting"
)

// Priorities of the kernel's own steps (linux/netfilter_ipv4.h).
const (
	priorityRaw  = -300
	priorityDNAT = -100
	prioritySNAT = 100
)

// hook is where the kernel enters a chain.
type hook struct {
	chain, kind string
	number      uint32
	priority    int32
}

// hooks: a Service's own address and port are a closer match than a port of all addresses, so kube-proxy, at the
// kernel's priority, goes first, and what it translates is left alone. Masquerading is ours to do before anybody else.
var hooks = []hook{
	{guard, "filter", unix.NF_INET_PRE_ROUTING, priorityRaw},
	{prerouting, "nat", unix.NF_INET_PRE_ROUTING, priorityDNAT + 5},
	{output, "nat", unix.NF_INET_LOCAL_OUT, priorityDNAT + 5},
	{postrouting, "nat", unix.NF_INET_POST_ROUTING, prioritySNAT - 5},
}

// rule is one of a chain. Its comment says whose it is and what it does.
type rule struct {
	chain   string
	comment string
	steps   [][]byte
}

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	loopback6 = netip.MustParsePrefix("::1/128")
)

// baseRules are there once, and the last of a chain is its first. A link that may route 127.0.0.0/8 would let others
// reach what listens only there, so the guard drops what the kernel otherwise does: packets with such an address that
// come in from outside (RFC 1122 §3.2.1.3). From ::1 no packet leaves the host, so there a program finds what listens
// on the host, or a refusal at once.
func baseRules() []rule {
	outside := func(side [][]byte) [][]byte {
		return slices.Concat([][]byte{loadMeta(unix.NFT_META_IIF), compare(unix.NFT_CMP_NEQ, host(loopbackIndex))},
			isFamily(loopback4.Addr()), side, [][]byte{drop()})
	}
	local := append(isLocal(), jump(ports))
	stays := append(slices.Concat(isFamily(loopback6.Addr()), isFrom(loopback6)), accept())
	return []rule{
		{guard, "nothing to loopback", outside(isTo(loopback4))},
		{guard, "nothing from loopback", outside(isFrom(loopback4))},
		{prerouting, "for this host", local},
		{output, "for this host", local},
		{output, "nothing from ::1", stays},
	}
}

// loopbackIndex is the index of lo in each network namespace (net/net_namespace.h).
const loopbackIndex = 1

// mapping leads a port of the host to one of the pod.
type mapping struct {
	protocol protocol
	host     netip.AddrPort // without an address it is each of the host
	pod      netip.AddrPort
}

func (m mapping) String() string {
	from := m.host.String()
	if !m.host.Addr().IsValid() {
		from = fmt.Sprint("*:", m.host.Port())
	}
	return fmt.Sprintf("%s %s to %s", m.protocol, from, m.pod)
}

// rule translates, and marks for masquerading the packets that it translates.
func (m mapping) rule(owner string, mark uint32) rule {
	steps := isFamily(m.pod.Addr())
	if address := m.host.Addr(); address.IsValid() {
		steps = append(steps, isTo(netip.PrefixFrom(address, address.BitLen()))...)
	}
	steps = slices.Concat(steps, isPort(m.protocol.number(), m.host.Port()), setMark(mark), translate(m.pod))
	return rule{ports, owner + " " + m.String(), steps}
}

// masquerades give the pod the host's address as a source, where its reply would otherwise not come back here: from its
// own network, which includes itself; from the host's loopback; or from everywhere.
func masquerades(owner string, mark uint32, pod netip.Prefix, all bool) []rule {
	to := pod.Addr()
	steps := slices.Concat(isFamily(to), isMarked(mark), isPod(to))
	say := func(from string, more [][]byte) rule {
		return rule{postrouting, fmt.Sprintf("%s masquerade %s to %s", owner, from, to),
			slices.Concat(steps, more, [][]byte{masquerade()})}
	}
	if all || isSuffix(to) {
		return []rule{say("all", nil)}
	}
	network := pod.Masked()
	rules := []rule{say(network.String(), isFrom(network))}
	if to.Is4() {
		rules = append(rules, say(loopback4.String(), isFrom(loopback4)))
	}
	return rules
}
