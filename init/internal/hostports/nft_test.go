package hostports

import (
	"os/exec"
	"strings"
	"testing"
)

// nft runs nft(8) on the host.
func (n *network) nft(script string) string {
	n.Helper()
	out, err := exec.Command("ip", "netns", "exec", n.name+"host", "nft", script).CombinedOutput()
	if err != nil {
		n.Fatalf("nft %s: %v %s", script, err, out)
	}
	return string(out)
}

const asNftReadsIt = `table inet kios-hostports {
	chain ports {
		ip6 daddr 2001:db8::2 sctp dport 90 MARK dnat ip6 to [fd85::5]:91 comment "net c1 eth0 sctp [2001:db8::2]:90 to [fd85::5]:91"
		ip daddr 192.0.2.2 udp dport 53 MARK dnat ip to 10.85.0.5:54 comment "net c1 eth0 udp 192.0.2.2:53 to 10.85.0.5:54"
		meta nfproto ipv6 tcp dport 8080 MARK dnat ip6 to [fd85::5]:80 comment "net c1 eth0 tcp *:8080 to [fd85::5]:80"
		meta nfproto ipv4 tcp dport 8080 MARK dnat ip to 10.85.0.5:80 comment "net c1 eth0 tcp *:8080 to 10.85.0.5:80"
	}

	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iif != "lo" ip saddr 127.0.0.0/8 drop comment "nothing from loopback"
		iif != "lo" ip daddr 127.0.0.0/8 drop comment "nothing to loopback"
	}

	chain prerouting {
		type nat hook prerouting priority dstnat + 5; policy accept;
		fib daddr type local jump ports comment "for this host"
	}

	chain output {
		type nat hook output priority -95; policy accept;
		ip6 saddr ::1 accept comment "nothing from ::1"
		fib daddr type local jump ports comment "for this host"
	}

	chain postrouting {
		type nat hook postrouting priority srcnat - 5; policy accept;
		MARKED ip6 daddr fd85::5 ip6 saddr fd85::/64 masquerade comment "net c1 eth0 masquerade fd85::/64 to fd85::5"
		MARKED ip daddr 10.85.0.5 ip saddr 127.0.0.0/8 masquerade comment "net c1 eth0 masquerade 127.0.0.0/8 to 10.85.0.5"
		MARKED ip daddr 10.85.0.5 ip saddr 10.85.0.0/16 masquerade comment "net c1 eth0 masquerade 10.85.0.0/16 to 10.85.0.5"
	}
}`

func TestARuleForAnAddressThatThePodMakesItself(t *testing.T) {
	n := newNetwork(t, "br0")
	n.keys = map[string]any{"slaac": true}
	p := pod{name: "pod5", mac: "02:0e:8f:34:21:78", addresses: []string{"192.0.2.5/24"}}
	n.must("ADD", "c1", n.configuration(p, `[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"::"}]`))
	got := n.nft("list table inet kios-hostports")
	for _, want := range []string{
		// nft(8) names the bits that stay and those that are set.
		`dnat ip6 to ip6 daddr & ffff:ffff:ffff:ffff:e:8fff:fe34:2178 | ::e:8fff:fe34:2178:80 `,
		`comment "net c1 eth0 tcp *:8080 to [::e:8fff:fe34:2178]:80"`,
		`@nh,256,64 0xe8ffffe342178 masquerade comment "net c1 eth0 masquerade all to ::e:8fff:fe34:2178"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestTheTableAsNftReadsIt(t *testing.T) {
	n := newNode(t)
	p := n.addNodePod(5)
	conf := n.configuration(p, `[
		{"hostPort":90,"containerPort":91,"protocol":"sctp","hostIP":"2001:db8::2"},
		{"hostPort":8080,"containerPort":80,"protocol":"tcp"},
		{"hostPort":53,"containerPort":54,"protocol":"udp","hostIP":"192.0.2.2"}]`)
	want := strings.NewReplacer("MARKED", "meta mark & 0x00002000 == 0x00002000",
		"MARK", "meta mark set meta mark | 0x00002000").Replace(asNftReadsIt)
	for range 2 { // a second ADD leaves the same
		n.must("ADD", "c1", conf)
		if got := strings.TrimSpace(n.nft("list table inet kios-hostports")); got != want {
			t.Errorf("got %s", got)
		}
	}
}
