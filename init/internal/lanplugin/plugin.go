// Package lanplugin is the CNI plugin kios-lan, which gives pods an address of the host's own network segment. It has
// two parts: a network is of type kios-lan, which upstream's plugin bridge carries out, and bridge in turn gets the
// address from kios-lan, which asks the DHCP agent for it (docs/host-api.md section 9).
package lanplugin

import (
	"errors"
	"io"
	"path/filepath"

	"kios.dev/init/internal/cni"
)

// CommandName is the name by which the container runtime starts init as this plugin.
const CommandName = "kios-lan"

// Plugin is one call of the plugin with the host that it runs on.
type Plugin struct {
	Getenv func(string) string
	Socket string // of the DHCP agent
	Notes  string // folder for what the agent is to be told later
	Sys    string // class folder of network links in sysfs
	Conf   string // folder of the links' IPv6 settings
	Bridge string // folder of the settings of all bridges
	Run    func(program string, stdin []byte) ([]byte, error)
	Enter  func(netns string, work func()) error // does work in a network namespace
}

// New returns the plugin on this host.
func New(getenv func(string) string) *Plugin {
	return &Plugin{
		Getenv: getenv,
		Socket: "/run/kios/lan/dhcp.sock",
		Notes:  "/run/kios/lan/notes",
		Sys:    "/sys/class/net",
		Conf:   "/proc/sys/net/ipv6/conf",
		Bridge: "/proc/sys/net/bridge",
		Run:    run,
		Enter:  enter,
	}
}

// Command carries out the CNI command that the environment names, and returns the exit status.
func (p *Plugin) Command(in io.Reader, out io.Writer) int {
	return cni.Serve(p.Getenv("CNI_COMMAND"), in, out, parse, p.dispatch)
}

func (p *Plugin) dispatch(command string, c *conf) ([]byte, error) {
	switch command {
	case "STATUS":
		return nil, p.status(c)
	case "GC":
		return nil, p.collect(c)
	case "ADD", "DEL", "CHECK":
		a, err := p.attachment(c)
		if err != nil {
			return nil, err
		}
		if c.Type == CommandName {
			return p.network(command, c, a)
		}
		return p.address(command, c, a)
	default:
		return nil, cni.Fail(cni.CodeArguments, errors.New("CNI_COMMAND is "+command))
	}
}

// network carries out a command for a whole network, by upstream's bridge.
func (p *Plugin) network(command string, c *conf, a Attachment) ([]byte, error) {
	var prepared Reply
	if command == "ADD" {
		var err error
		if prepared, err = p.ask(Request{Command: "prepare", Bridge: c.Bridge, Attachment: &a}, askTime); err != nil {
			return nil, err
		}
		if err := p.mustBridge(c.Bridge); err != nil {
			return nil, err
		}
		p.bypass(c.Netfilter)
		restore, err := p.withoutRouters(a)
		if err != nil {
			return nil, err
		}
		defer restore()
	}
	text, err := c.delegated(prepared)
	if err != nil {
		return nil, err
	}
	program, err := find("bridge", filepath.SplitList(p.Getenv("CNI_PATH")))
	if err != nil {
		return nil, err
	}
	out, err := p.Run(program, text)
	if err != nil {
		return nil, passOn(out, err)
	}
	if command == "ADD" {
		if a.Port = portOf(out, c.Bridge); a.Port != "" {
			_, err = p.ask(Request{Command: "attach", Attachment: &a}, askTime)
		}
	}
	return out, err
}

// address carries out a command for the address, which upstream's bridge asks for.
func (p *Plugin) address(command string, c *conf, a Attachment) ([]byte, error) {
	if command == "DEL" {
		return nil, p.release(a)
	}
	a.MAC = c.IPAM.MAC
	if command == "CHECK" {
		_, err := p.ask(Request{Command: "check", Attachment: &a}, askTime)
		return nil, err
	}
	if a.MAC == "" {
		return nil, cni.Fail(cni.CodeConfig, errors.New("ipam "+CommandName+" is only for networks of type "+CommandName))
	}
	p.believe(c.Bridge, c.IPAM.AcceptRA)
	lease, err := p.ask(Request{Command: "add", Bridge: c.Bridge, Attachment: &a}, leaseTime)
	if err != nil {
		return nil, err
	}
	return format(c, lease, a.isAttached())
}

func (p *Plugin) status(c *conf) error {
	if _, err := p.ask(Request{Command: "status", Bridge: c.Bridge}, askTime); err != nil {
		return cni.Fail(cni.CodeUnavailable, err)
	}
	return nil
}

// collect gives back the addresses of pods that the runtime no longer has.
func (p *Plugin) collect(c *conf) error {
	if c.Type != CommandName {
		return nil
	}
	valid := c.Valid
	if valid == nil {
		valid = []cni.Valid{}
	}
	_, err := p.ask(Request{Command: "gc", Network: c.Name, Valid: &valid}, askTime)
	return err
}
