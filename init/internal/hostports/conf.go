package hostports

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/cni"
)

// conf is the part of a network's configuration that upstream's portmap has too, by the same keys.
type conf struct {
	Version              string   `json:"cniVersion"`
	Name                 string   `json:"name"`
	Backend              string   `json:"backend"`
	SNAT                 *bool    `json:"snat"`
	MasqAll              bool     `json:"masqAll"`
	MarkMasqBit          *int     `json:"markMasqBit"`
	ExternalSetMarkChain *string  `json:"externalSetMarkChain"`
	ConditionsV4         []string `json:"conditionsV4"`
	ConditionsV6         []string `json:"conditionsV6"`
	// SLAAC is not upstream's: the pod makes its IPv6 address itself, which may be after it has started.
	SLAAC         bool            `json:"slaac"`
	PrevResult    json.RawMessage `json:"prevResult"`
	Valid         []cni.Valid     `json:"cni.dev/valid-attachments"`
	RuntimeConfig struct {
		Ports []portMapping `json:"portMappings"`
	} `json:"runtimeConfig"`
}

type portMapping struct {
	HostPort      int    `json:"hostPort"`
	ContainerPort int    `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP"`
}

// protocol is a name as the runtime and nft(8) have it.
type protocol string

var numbers = map[protocol]uint8{
	"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "sctp": unix.IPPROTO_SCTP,
}

func (p protocol) number() uint8 { return numbers[p] }

func parse(text []byte) (*conf, error) {
	var c conf
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, cni.Fail(cni.CodeConfig, fmt.Errorf("read network: %w", err))
	}
	return &c, nil
}

// defaultMarkBit is upstream's: Kubernetes has 14 and 15, Calico the highest.
const defaultMarkBit = 13

// mark returns the bits by which a packet that was translated is known when it leaves.
func (c *conf) mark() uint32 {
	if c.MarkMasqBit != nil {
		return 1 << *c.MarkMasqBit
	}
	return 1 << defaultMarkBit
}

// mayTranslate refuses the keys by which upstream's portmap is told to use iptables, or words of nft(8).
func (c *conf) mayTranslate() error {
	for _, refused := range []struct {
		is  bool
		key string
	}{
		{c.Backend != "" && c.Backend != "nftables", "backend " + c.Backend},
		{c.ExternalSetMarkChain != nil, "externalSetMarkChain"},
		{len(c.ConditionsV4) > 0, "conditionsV4"},
		{len(c.ConditionsV6) > 0, "conditionsV6"},
		{c.MarkMasqBit != nil && (*c.MarkMasqBit < 0 || *c.MarkMasqBit > 31), "markMasqBit beyond 0 to 31"},
	} {
		if refused.is {
			return cni.Fail(cni.CodeConfig, errors.New("read network: portmap of kiOS has no "+refused.key))
		}
	}
	return nil
}

// pod returns the first address of each family that the pod has by the interface.
func (c *conf) pod(name string) ([]netip.Prefix, error) {
	var previous struct {
		Interfaces []link
		IPs        []struct {
			Address   netip.Prefix
			Interface *int
		}
	}
	if len(c.PrevResult) == 0 {
		return nil, cni.Fail(cni.CodeConfig, errors.New("read network: portmap is not the first plugin of a network"))
	}
	if err := json.Unmarshal(c.PrevResult, &previous); err != nil {
		return nil, cni.Fail(cni.CodeConfig, fmt.Errorf("read result of the network: %w", err))
	}
	var pod []netip.Prefix
	for _, ip := range previous.IPs {
		known := slices.ContainsFunc(pod, func(p netip.Prefix) bool { return p.Addr().Is4() == ip.Address.Addr().Is4() })
		if !known && isOf(name, previous.Interfaces, ip.Interface) {
			pod = append(pod, ip.Address)
		}
	}
	if !c.SLAAC || slices.ContainsFunc(pod, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		return pod, nil
	}
	suffix, err := suffixOf(name, previous.Interfaces)
	if err != nil {
		return nil, cni.Fail(cni.CodeConfig, fmt.Errorf("read result of the network: %w", err))
	}
	return append(pod, netip.PrefixFrom(suffix, suffixBits)), nil
}

type link struct{ Name, Sandbox, Mac string }

// isOf says whether an address is one of the pod's interface. One without an index is.
func isOf(name string, links []link, index *int) bool {
	if index == nil || *index < 0 || *index >= len(links) {
		return true
	}
	return links[*index].Name == name && links[*index].Sandbox != ""
}

// hostLinks returns the links of the host that the network has made for the pod.
func (c *conf) hostLinks() []string {
	var previous struct{ Interfaces []link }
	var names []string
	if json.Unmarshal(c.PrevResult, &previous) == nil {
		for _, each := range previous.Interfaces {
			if each.Sandbox == "" {
				names = append(names, each.Name)
			}
		}
	}
	return names
}

// mappings returns what leads to the pod's addresses. A port that leads nowhere is an error: the pod would run without
// being reached. Those of one address of the host come last, and so are first in the chain.
func (c *conf) mappings(pod []netip.Prefix) ([]mapping, error) {
	var all []mapping
	for _, p := range c.RuntimeConfig.Ports {
		of, err := p.mappings(pod)
		if err != nil {
			return nil, cni.Fail(cni.CodeConfig, fmt.Errorf("map port %d of the host: %w", p.HostPort, err))
		}
		all = append(all, of...)
	}
	slices.SortStableFunc(all, func(a, b mapping) int {
		return cmp.Compare(a.host.Addr().BitLen(), b.host.Addr().BitLen())
	})
	return all, nil
}

func (p portMapping) mappings(pod []netip.Prefix) ([]mapping, error) {
	name := protocol(strings.ToLower(p.Protocol))
	if numbers[name] == 0 {
		return nil, fmt.Errorf("no protocol %q", p.Protocol)
	}
	if !isPortNumber(p.HostPort) || !isPortNumber(p.ContainerPort) {
		return nil, errors.New("a port is 1 to 65535")
	}
	host, families, err := parseHost(p.HostIP)
	if err != nil {
		return nil, err
	}
	var all []mapping
	for _, address := range pod {
		if families(address.Addr()) {
			all = append(all, mapping{
				protocol: name,
				host:     netip.AddrPortFrom(host, uint16(p.HostPort)),
				pod:      netip.AddrPortFrom(address.Addr(), uint16(p.ContainerPort)),
			})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the pod has no address of the family of %s", cmp.Or(p.HostIP, "any"))
	}
	return all, nil
}

func isPortNumber(number int) bool { return number > 0 && number <= math.MaxUint16 }

// parseHost returns the address of the host to which a mapping is restricted, if it is, and for which of the pod's
// addresses it is. 0.0.0.0 and :: are all addresses of one family.
func parseHost(text string) (netip.Addr, func(netip.Addr) bool, error) {
	if text == "" {
		return netip.Addr{}, netip.Addr.IsValid, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return address, nil, fmt.Errorf("%q is not an address", text)
	}
	address = address.Unmap()
	family := netip.Addr.Is4
	if address.Is6() {
		family = netip.Addr.Is6
	}
	if address.IsUnspecified() {
		address = netip.Addr{}
	}
	return address, family, nil
}
