// Package hostports is the CNI plugin that gives pods ports of the host (`hostPort`). It has upstream's name and keys,
// portmap, and writes nf_tables by netlink: the host has neither nft nor iptables, which upstream's starts. What it
// knows is in the kernel alone, so it has nothing to lose when it is killed.
package hostports

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kios.dev/init/internal/cni"
	"kios.dev/init/internal/netfilter"
	"kios.dev/init/internal/sysctl"
)

// CommandName is the name by which the container runtime starts init as this plugin.
const CommandName = "portmap"

// Plugin is one call of the plugin with the host that it runs on.
type Plugin struct {
	Getenv func(string) string
	Conf   string // folder of the links' IPv4 settings
}

// New returns the plugin on this host.
func New(getenv func(string) string) *Plugin {
	return &Plugin{Getenv: getenv, Conf: "/proc/sys/net/ipv4/conf"}
}

// Command carries out the CNI command that the environment names, and returns the exit status.
func (p *Plugin) Command(in io.Reader, out io.Writer) int {
	return cni.Serve(p.Getenv("CNI_COMMAND"), in, out, parse, p.dispatch)
}

func (p *Plugin) dispatch(command string, c *conf) ([]byte, error) {
	switch command {
	case "STATUS":
		return nil, status()
	case "GC":
		return nil, collect(c)
	case "ADD", "DEL", "CHECK":
		owner, err := p.owner(c)
		if err != nil {
			return nil, err
		}
		return p.attachment(command, c, owner)
	default:
		return nil, cni.Fail(cni.CodeArguments, errors.New("CNI_COMMAND is "+command))
	}
}

func (p *Plugin) attachment(command string, c *conf, owner string) ([]byte, error) {
	if command == "DEL" {
		return nil, p.remove(c, owner)
	}
	rules, mappings, err := p.plan(c, owner)
	if err != nil {
		return nil, err
	}
	if command == "CHECK" {
		return nil, check(rules)
	}
	return c.PrevResult, p.add(c, owner, rules, mappings)
}

// owner returns what the comments of an attachment's rules begin with.
func (p *Plugin) owner(c *conf) (string, error) {
	parts := []string{c.Name, p.Getenv("CNI_CONTAINERID"), p.Getenv("CNI_IFNAME")}
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, " \t\n\x00") {
			return "", cni.Fail(cni.CodeArguments, errors.New("name, CNI_CONTAINERID or CNI_IFNAME is missing"))
		}
	}
	return strings.Join(parts, " "), nil
}

// plan returns the rules that the pod's ports need, and none for a pod without such ports.
func (p *Plugin) plan(c *conf, owner string) ([]rule, []mapping, error) {
	if err := c.mayTranslate(); err != nil {
		return nil, nil, err
	}
	pod, err := c.pod(p.Getenv("CNI_IFNAME"))
	if err != nil || len(c.RuntimeConfig.Ports) == 0 {
		return nil, nil, err
	}
	mappings, err := c.mappings(pod)
	if err != nil {
		return nil, nil, err
	}
	var rules []rule
	for _, m := range mappings {
		rules = append(rules, m.rule(owner, c.mark()))
	}
	if c.masquerades() {
		for _, address := range pod {
			rules = append(rules, masquerades(owner, c.mark(), address, c.MasqAll)...)
		}
	}
	for _, r := range rules {
		if len(r.comment) > maxComment {
			return nil, nil, cni.Fail(cni.CodeConfig, errors.New("read network: the name "+c.Name+" is too long"))
		}
	}
	return rules, mappings, nil
}

func (c *conf) masquerades() bool { return c.SNAT == nil || *c.SNAT }

func (p *Plugin) add(c *conf, owner string, rules []rule, mappings []mapping) error {
	if len(rules) == 0 {
		return nil
	}
	err := update(func(present []held) []netfilter.Request {
		old, all := ownedBy(present, owner), rules
		if base := baseRules(); len(missing(present, base)) > 0 {
			old, all = append(old, entering(present)...), append(base, rules...)
		}
		return adding(old, all)
	})
	if err != nil {
		return fmt.Errorf("set rules for ports of the host: %w", err)
	}
	if c.masquerades() {
		if err := p.routeLoopback(c.hostLinks()); err != nil {
			return err
		}
	}
	forget(changed(mappings))
	return nil
}

// routeLoopback lets the host reach the pod from 127.0.0.1. The guard keeps others from reaching the host so.
func (p *Plugin) routeLoopback(links []string) error {
	for _, name := range links {
		setting := filepath.Join(p.Conf, filepath.Base(name), "route_localnet")
		if err := sysctl.Write(setting, "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// remove deletes the attachment's rules, whatever the rest of the configuration says.
func (p *Plugin) remove(c *conf, owner string) error {
	err := update(func(present []held) []netfilter.Request { return removing(ownedBy(present, owner)) })
	if err != nil {
		return fmt.Errorf("delete rules for ports of the host: %w", err)
	}
	if _, mappings, err := p.plan(c, owner); err == nil {
		forget(changed(mappings))
	}
	return nil
}

// forget ends connections. A failure costs no more than the time after which the kernel forgets them itself.
func forget(all []flows) {
	for _, f := range all {
		if err := f.forget(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: end connections to port %d: %v\n", CommandName, f.port, err)
		}
	}
}

func check(rules []rule) error {
	if len(rules) == 0 {
		return nil
	}
	present, err := listRules()
	if err != nil {
		return err
	}
	if names := missing(present, append(baseRules(), rules...)); len(names) > 0 {
		return errors.New("rules are missing: " + strings.Join(names, ", "))
	}
	return nil
}

// collect deletes the rules of attachments to this network that the runtime no longer has.
func collect(c *conf) error {
	valid := map[string]bool{}
	for _, v := range c.Valid {
		valid[c.Name+" "+v.Container+" "+v.Interface] = true
	}
	return update(func(present []held) []netfilter.Request {
		return removing(slices.DeleteFunc(ownedBy(present, c.Name), func(r held) bool {
			words := strings.SplitN(r.comment, " ", 4)
			return len(words) < 4 || valid[strings.Join(words[:3], " ")]
		}))
	})
}

func status() error {
	if _, err := listRules(); err != nil {
		return cni.Fail(cni.CodeUnavailable, fmt.Errorf("read rules for ports of the host: %w", err))
	}
	return nil
}

// ownedBy returns the rules of one attachment, or of all of a network.
func ownedBy(present []held, owner string) []held {
	return slices.DeleteFunc(slices.Clone(present), func(r held) bool {
		return isEntering(r) || !strings.HasPrefix(r.comment, owner+" ")
	})
}

// entering returns the rules of the chains that belong to no pod.
func entering(present []held) []held {
	return slices.DeleteFunc(slices.Clone(present), func(r held) bool { return !isEntering(r) })
}

func isEntering(r held) bool { return r.chain != ports && r.chain != postrouting }

// missing returns the comments of rules that are not present.
func missing(present []held, rules []rule) []string {
	var names []string
	for _, r := range rules {
		if !slices.ContainsFunc(present, func(h held) bool { return h.chain == r.chain && h.comment == r.comment }) {
			names = append(names, r.comment)
		}
	}
	return names
}
