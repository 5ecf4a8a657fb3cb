package lanplugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"kios.dev/init/internal/cni"
)

// conf is a network's configuration, as a file or a NetworkAttachmentDefinition has it.
type conf struct {
	Version      string          `json:"cniVersion"`
	Name         string          `json:"name"`
	Type         string          `json:"type"`
	Bridge       string          `json:"bridge"`
	ServiceCIDRs []netip.Prefix  `json:"serviceCIDRs"`
	MTU          int             `json:"mtu"`
	Isolation    bool            `json:"portIsolation"`
	Netfilter    *bool           `json:"bridgeNetfilter"`
	IPAM         ipam            `json:"ipam"`
	PrevResult   json.RawMessage `json:"prevResult"`
	Valid        []cni.Valid     `json:"cni.dev/valid-attachments"`
}

// ipam is what the network's part of the plugin passes to the address's, through bridge.
type ipam struct {
	Type         string         `json:"type"`
	MAC          string         `json:"mac,omitempty"`
	AcceptRA     *int           `json:"acceptRa,omitempty"`
	ServiceCIDRs []netip.Prefix `json:"serviceCIDRs,omitempty"`
}

func parse(text []byte) (*conf, error) {
	var c conf
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, cni.Fail(cni.CodeConfig, fmt.Errorf("read network: %w", err))
	}
	if c.Type == CommandName && c.IPAM.Type != "" {
		return nil, cni.Fail(cni.CodeConfig, errors.New("read network: a network of type "+CommandName+" has no ipam"))
	}
	if c.Bridge == "" {
		c.Bridge = "br0"
	}
	return &c, nil
}

// delegated returns the network for bridge. Only what is named here reaches it: as a gateway or masquerading, bridge
// would change the host's address or start programs that the host does not have.
func (c *conf) delegated(prepared Reply) ([]byte, error) {
	network := map[string]any{
		"cniVersion": c.Version, "name": c.Name, "type": "bridge", "bridge": c.Bridge,
		"ipam": ipam{Type: CommandName, MAC: prepared.MAC, AcceptRA: prepared.AcceptRA, ServiceCIDRs: c.ServiceCIDRs},
	}
	if prepared.MAC != "" {
		network["args"] = map[string]any{"cni": map[string]any{"mac": prepared.MAC}}
	}
	if c.MTU != 0 {
		network["mtu"] = c.MTU
	}
	if c.Isolation {
		network["portIsolation"] = true
	}
	if len(c.PrevResult) > 0 {
		network["prevResult"] = c.PrevResult
	}
	return json.Marshal(network)
}

// attachment reads what the runtime says of the pod in the environment.
func (p *Plugin) attachment(c *conf) (Attachment, error) {
	a := Attachment{
		Network: c.Name, Container: p.Getenv("CNI_CONTAINERID"), Interface: p.Getenv("CNI_IFNAME"),
	}
	for _, pair := range strings.Split(p.Getenv("CNI_ARGS"), ";") {
		switch key, value, _ := strings.Cut(pair, "="); key {
		case "K8S_POD_NAMESPACE":
			a.Namespace = value
		case "K8S_POD_NAME":
			a.Pod = value
		}
	}
	if a.Container == "" || a.Interface == "" {
		return a, cni.Fail(cni.CodeArguments, errors.New("CNI_CONTAINERID or CNI_IFNAME is missing"))
	}
	if a.Pod == "" { // a container of no pod
		a.Pod = a.Container
	}
	return a, nil
}

type address struct {
	Version string `json:"version,omitempty"`
	Address string `json:"address"`
}

type route struct {
	To  string `json:"dst"`
	Via string `json:"gw,omitempty"`
}

type dns struct {
	Servers []string `json:"nameservers,omitempty"`
	Search  []string `json:"search,omitempty"`
}

type result struct {
	Version string    `json:"cniVersion"`
	IPs     []address `json:"ips"`
	Routes  []route   `json:"routes,omitempty"`
	DNS     dns       `json:"dns"`
}

// format returns a lease as a result of an address plugin. Addresses of services lead to the host, which translates
// them; the router of the segment does not know them. The address has no gateway: bridge would give it to routes that
// lead to the segment itself.
func format(c *conf, lease Reply, attached bool) ([]byte, error) {
	r := result{
		Version: c.Version, IPs: []address{{Address: lease.Address}},
		DNS: dns{Servers: lease.DNS, Search: lease.Search},
	}
	if strings.HasPrefix(c.Version, "0.") {
		r.IPs[0].Version = "4"
	}
	for _, each := range lease.Routes {
		if attached && leadsEverywhere(each) {
			continue
		}
		r.Routes = append(r.Routes, route(each))
	}
	for _, services := range c.IPAM.ServiceCIDRs {
		if services.Addr().Is4() && lease.Host != "" {
			r.Routes = append(r.Routes, route{To: services.String(), Via: lease.Host})
		}
	}
	return json.Marshal(r)
}

// leadsEverywhere is a default route, also a half of one: bridge would set it before that of the pod's own network.
func leadsEverywhere(r Route) bool {
	to, err := netip.ParsePrefix(r.To)
	return err == nil && to.Bits() <= 1
}
