package hostports

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

const web = `[{"hostPort":8080,"containerPort":80,"protocol":"tcp"},{"hostPort":8053,"containerPort":53,"protocol":"udp"}]`

// servePod starts the servers that `web` leads to.
func servePod(n *network, p pod) {
	n.serve(p.name, "tcp", ":80")
	n.serve(p.name, "udp", "0.0.0.0:53")
	n.serve(p.name, "udp", "[::]:53")
}

func TestAClientReachesThePodByThePortOfTheHost(t *testing.T) {
	n := newNode(t)
	p := n.addNodePod(5)
	servePod(n, p)
	n.expect("client", "tcp", hostAddress+":8080", "", "no connection")
	out := n.must("ADD", "c1", n.configuration(p, web))
	if !strings.Contains(out, `"10.85.0.5/16"`) {
		t.Errorf("the result is not the network's: %s", out)
	}
	for _, protocol := range []string{"tcp:8080", "udp:8053"} {
		name, port, _ := strings.Cut(protocol, ":")
		n.expect("client", name, hostAddress+":"+port, "", "pod5 "+clientAddress)
		n.expect("client", name, "["+hostAddress6+"]:"+port, "", "pod5 "+clientAddress6)
		n.expect("host", name, hostAddress+":"+port, "", "pod5 "+hostAddress)
		n.expect("host", name, "10.85.0.1:"+port, "", "pod5 10.85.0.1")
		n.expect("host", name, "["+hostAddress6+"]:"+port, "", "pod5 "+hostAddress6)
		n.expect("host", name, "127.0.0.1:"+port, "", "pod5 10.85.0.1")
		n.expect("host", name, "127.0.0.1:"+port, hostAddress+":0", "pod5 "+hostAddress)
		n.expect("pod5", name, hostAddress+":"+port, "", "pod5 10.85.0.1")
		n.expect("pod5", name, "["+hostAddress6+"]:"+port, "", "pod5 fd85::1")
	}
	n.must("CHECK", "c1", n.configuration(p, web))
	n.must("DEL", "c1", n.configuration(p, web))
	n.expect("client", "tcp", hostAddress+":8080", "", "no connection")
}

func TestTheHostsIPv6LoopbackLeadsToThePodFromAnotherAddressOnly(t *testing.T) {
	n := newNode(t)
	p := n.addNodePod(5)
	servePod(n, p)
	n.must("ADD", "c1", n.configuration(p, web))
	n.expect("host", "tcp", "[::1]:8080", "["+hostAddress6+"]:0", "pod5 "+hostAddress6)
	n.serve("host", "tcp", "[::1]:8080")
	n.expect("host", "tcp", "[::1]:8080", "", "host ::1")
}

func TestPodsOfOneNetworkReachEachOtherByTheHost(t *testing.T) {
	n := newNode(t)
	server, client := n.addNodePod(5), n.addNodePod(6)
	servePod(n, server)
	n.must("ADD", "c1", n.configuration(server, web))
	n.expect(client.name, "tcp", hostAddress+":8080", "", "pod5 10.85.0.1")
	n.expect(client.name, "udp", "["+hostAddress6+"]:8053", "", "pod5 fd85::1")
}

func TestAMappingOfOneAddressOfTheHostLeavesTheOthers(t *testing.T) {
	n := newNode(t)
	one, other := n.addNodePod(5), n.addNodePod(6)
	servePod(n, one)
	servePod(n, other)
	mapping := func(address string) string {
		return fmt.Sprintf(`[{"hostPort":8080,"containerPort":80,"protocol":"TCP","hostIP":%q}]`, address)
	}
	n.must("ADD", "c1", n.configuration(one, mapping("127.0.0.1")))
	n.must("ADD", "c2", n.configuration(other, mapping(hostAddress)))
	n.expect("host", "tcp", "127.0.0.1:8080", hostAddress+":0", "pod5 "+hostAddress)
	n.expect("client", "tcp", hostAddress+":8080", "", "pod6 "+clientAddress)
	n.expect("client", "tcp", "["+hostAddress6+"]:8080", "", "no connection")
	n.must("ADD", "c2", n.configuration(other, mapping("::")))
	n.expect("client", "tcp", "["+hostAddress6+"]:8080", "", "pod6 "+clientAddress6)
	n.expect("client", "tcp", hostAddress+":8080", "", "no connection")
}

func TestNobodyOutsideReachesWhatListensOnLoopback(t *testing.T) {
	n := newNode(t)
	p := n.addNodePod(5)
	n.serve("host", "tcp", "127.0.0.1:10248")
	n.serve("host", "udp", "127.0.0.1:10249")
	n.ip("pod5", "route add 127.0.0.1/32 via 10.85.0.1 table 9")
	n.ip("pod5", "rule add to 127.0.0.1/32 table 9 priority 0")
	n.ip("pod5", "rule del from all table local")
	n.ip("pod5", "rule add table local priority 10")
	n.set("pod5", "ipv4/conf/all/route_localnet", "1")
	n.must("ADD", "c1", n.configuration(p, web))
	// Without the guard the host takes the packet: it may route 127.0.0.0/8 on the pod's link.
	n.expect("pod5", "tcp", "127.0.0.1:10248", "10.85.0.5:0", "no connection")
	n.expect("pod5", "udp", "127.0.0.1:10249", "10.85.0.5:0", "no reply")
	n.expect("host", "tcp", "127.0.0.1:10248", "", "host 127.0.0.1")
}

func TestOfTwoWithOnePortTheOneAheadHasItUntilItGoes(t *testing.T) {
	for _, c := range []struct {
		name   string
		ahead  func(n *network, p pod)
		itGoes func(n *network, p pod)
	}{
		{
			"a later pod",
			func(n *network, p pod) { n.must("ADD", "c2", n.configuration(p, web)) },
			func(n *network, p pod) { n.must("DEL", "c2", n.configuration(p, web)) },
		},
		{
			"a Service at the host's address",
			func(n *network, _ pod) {
				n.nft(`table ip kube-proxy { chain nat-prerouting { type nat hook prerouting priority dstnat;
					ip daddr ` + hostAddress + ` tcp dport 8080 dnat to 10.85.0.6:80; }; }`)
			},
			func(n *network, _ pod) { n.nft("delete table ip kube-proxy") },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			first, other := n.addNodePod(5), n.addNodePod(6)
			servePod(n, first)
			servePod(n, other)
			n.must("ADD", "c1", n.configuration(first, web))
			c.ahead(n, other)
			n.expect("client", "tcp", hostAddress+":8080", "", "pod6 "+clientAddress)
			c.itGoes(n, other)
			n.expect("client", "tcp", hostAddress+":8080", "", "pod5 "+clientAddress)
		})
	}
}

func TestAStreamOfDatagramsFollowsTheMapping(t *testing.T) {
	n := newNode(t)
	p, other := n.addNodePod(5), n.addNodePod(6)
	servePod(n, p)
	n.must("ADD", "c0", n.configuration(other, `[{"hostPort":1,"containerPort":1,"protocol":"tcp"}]`)) // tracking begins
	n.serve("host", "udp", "0.0.0.0:8053")
	n.serve("host", "udp", "[::]:8053")
	servers := map[string]string{clientAddress + ":4000": hostAddress + ":8053", "[" + clientAddress6 + "]:4000": "[" + hostAddress6 + "]:8053"}
	expect := func(want string) {
		t.Helper()
		for source, server := range servers {
			if got := n.ask("client", "udp", server, source); !strings.HasPrefix(got, want+" ") {
				t.Errorf("%s: %q, want %s", source, got, want)
			}
		}
	}
	expect("host")
	n.must("ADD", "c1", n.configuration(p, web))
	expect("pod5")
	n.must("DEL", "c1", n.configuration(p, web))
	expect("host")
}

func TestLanPodsReplyThroughTheHost(t *testing.T) {
	n := newNetwork(t, "br0")
	n.bypassFilter()
	n.keys = map[string]any{"masqAll": true}
	p, neighbour := n.addLanPod(5), n.addLanPod(6)
	servePod(n, p)
	n.must("ADD", "c1", n.configuration(p, web))
	for _, protocol := range []string{"tcp:8080", "udp:8053"} {
		name, port, _ := strings.Cut(protocol, ":")
		for _, from := range []string{"client", neighbour.name, p.name, "host"} {
			n.expect(from, name, hostAddress+":"+port, "", "pod5 "+hostAddress)
			n.expect(from, name, "["+hostAddress6+"]:"+port, "", "pod5 "+hostAddress6)
		}
		// The pod's router is another machine, so that a reply to a stranger would not pass the host.
		n.expect("client", name, hostAddress+":"+port, farAddress+":0", "pod5 "+hostAddress)
		n.expect("host", name, "127.0.0.1:"+port, "", "pod5 "+hostAddress)
	}
}

func TestALanPodIsReachedAtAddressesThatItMakesLater(t *testing.T) {
	const prefix, otherPrefix = "2001:db8::", "2001:db8:0:1:"
	n := newNetwork(t, "br0")
	n.bypassFilter()
	n.keys = map[string]any{"masqAll": true, "slaac": true}
	p, neighbour := n.addLanPod(5), n.addLanPod(6)
	n.ip(p.name, "address del "+p.addresses[1]+" dev eth0")
	p.addresses = p.addresses[:1]
	servePod(n, p)
	n.must("ADD", "c1", n.configuration(p, web))
	n.expect("client", "tcp", hostAddress+":8080", "", "pod5 "+hostAddress)
	n.expect("client", "tcp", "["+hostAddress6+"]:8080", "", "no connection")

	suffix := n.linkLocal(p.name)
	n.ip(p.name, "address add "+prefix+suffix+"/64 dev eth0 nodad")
	// The host has asked for the address in vain, and looks for it again only when that look has failed.
	n.eventually("client", "tcp", "["+hostAddress6+"]:8080", "pod5 "+hostAddress6)
	for _, protocol := range []string{"tcp:8080", "udp:8053"} {
		name, port, _ := strings.Cut(protocol, ":")
		for _, from := range []string{"client", neighbour.name, p.name, "host"} {
			n.expect(from, name, "["+hostAddress6+"]:"+port, "", "pod5 "+hostAddress6)
		}
	}
	n.must("CHECK", "c1", n.configuration(p, web))

	// Routers announce another prefix.
	n.ip("host", "address add "+otherPrefix+":2/64 dev br0 nodad")
	n.ip("client", "address add "+otherPrefix+":1/64 dev eth0 nodad")
	n.ip(p.name, "address add "+otherPrefix+suffix+"/64 dev eth0 nodad")
	n.expect("client", "tcp", "["+otherPrefix+":2]:8080", "", "pod5 "+otherPrefix+":2")

	n.must("DEL", "c1", n.configuration(p, web))
	n.expect("client", "tcp", "["+hostAddress6+"]:8080", "", "no connection")
	if rules := n.rules(); len(rules) > 0 {
		t.Errorf("left: %v", rules)
	}
}

// linkLocal returns the interface identifier that the kernel of a pod gave its own address.
func (n *network) linkLocal(ns string) string {
	n.Helper()
	out, err := exec.Command("ip", "-n", n.name+ns, "-6", "-brief", "address", "show", "dev", "eth0", "scope", "link").Output()
	_, address, found := strings.Cut(string(out), "fe80::")
	suffix, _, cut := strings.Cut(address, "/")
	if err != nil || !found || !cut {
		n.Fatalf("%s %v", out, err)
	}
	return suffix
}

// bypassFilter lets bridged frames pass the packet filter by, as kios-lan does.
func (n *network) bypassFilter() {
	n.Helper()
	n.set("host", "bridge/bridge-nf-call-iptables", "0")
	n.set("host", "bridge/bridge-nf-call-ip6tables", "0")
}
