// Package kubelet decides how kubelet is started. Files choose between known variants and cannot add other flags.
package kubelet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const (
	// Dir is the folder of kubelet's files.
	Dir = "/etc/kubernetes"
	// Binary is kubelet's path.
	Binary = "/bin/kubelet"

	// config is outside the writable /etc, so that a new image brings its own.
	config  = "/lib/kios/kubelet.yaml"
	dropIns = Dir + "/kubelet.conf.d"

	hostname    = "/etc/hostname"
	nodeLabels  = Dir + "/node-labels"
	nodeIP      = Dir + "/node-ip"
	manager     = Dir + "/cloud-provider"
	proxy       = Dir + "/proxy"
	kubeconfig  = Dir + "/kubelet.conf"
	bootstrap   = Dir + "/bootstrap-kubelet.conf"
	credentials = Dir + "/credential-providers.yaml"
)

// Files holds the content of the files of docs/host-api.md section 4. A nil pointer is a missing file.
type Files struct {
	Hostname, NodeLabels, NodeIP, Manager, Proxy *string
	Kubeconfig, Bootstrap, Credentials           bool
	// Unusable files are there, but cannot be read as files. They count as missing.
	Unusable []Fault
	// OwnDropInsOnly leaves out the drop-ins that others wrote (SetAsideDropIns), and the credential providers.
	OwnDropInsOnly bool
}

// Name is a host name and where it comes from, in the words of host.json.
type Name struct{ Host, Source string }

// Plan is one start of kubelet.
type Plan struct {
	Mode   string // "standalone" or "cluster"
	Name   Name
	Args   []string
	Proxy  []string // words of the environment, containerd's too
	Faults []Fault
}

// Fault is a file that was ignored.
type Fault struct {
	File string
	Err  error
}

// Make turns the files into a command line. It never fails: it ignores a bad file and names it in Faults. The machine's
// own name counts unless a file has one.
func Make(files Files, own Name) Plan {
	p := Plan{
		Mode:   "standalone",
		Name:   own,
		Args:   []string{Binary, "--config=" + config, "--config-dir=" + dropIns},
		Faults: slices.Clone(files.Unusable),
	}
	if files.OwnDropInsOnly {
		p.Args[2] = "--config-dir=" + ownDropIns
	}
	if files.Hostname != nil {
		if name, err := parseHostname(*files.Hostname); err != nil {
			p.fault(hostname, err)
		} else {
			p.Name = Name{name, "file"}
		}
	}
	if files.Proxy != nil {
		var err error
		if p.Proxy, err = parseProxy(*files.Proxy); err != nil {
			p.fault(proxy, err)
		}
	}
	if files.Kubeconfig || files.Bootstrap {
		p.cluster(files)
	}
	if files.Credentials && !files.OwnDropInsOnly { // with a fault in the file, or without a program of it, kubelet ends
		p.add("--image-credential-provider-config=" + credentials)
		p.add("--image-credential-provider-bin-dir=/var/lib/kios/credential-providers")
	}
	return p
}

func (p *Plan) cluster(files Files) {
	p.Mode = "cluster"
	p.add("--kubeconfig=" + kubeconfig)
	if files.Bootstrap {
		p.add("--bootstrap-kubeconfig=" + bootstrap)
	}
	if files.NodeLabels != nil {
		if labels, err := parseLabels(*files.NodeLabels); err != nil {
			p.fault(nodeLabels, err)
		} else if labels != "" {
			p.add("--node-labels=" + labels)
		}
	}
	if files.Manager != nil {
		if strings.TrimSpace(*files.Manager) == "external" {
			p.add("--cloud-provider=external")
		} else {
			p.fault(manager, errors.New("the only word allowed is external"))
		}
	}
	if files.NodeIP != nil {
		if ip, err := parseNodeIP(*files.NodeIP); err != nil {
			p.fault(nodeIP, err)
		} else {
			p.add("--node-ip=" + ip)
		}
	}
}

func (p *Plan) add(arg string)               { p.Args = append(p.Args, arg) }
func (p *Plan) fault(file string, err error) { p.Faults = append(p.Faults, Fault{file, err}) }

// hostnameLimit is the limit of a label's value: the name becomes that of kubernetes.io/hostname, and kubelet runs but
// never registers with a longer one.
const hostnameLimit = 63

// parseHostname returns the first line in lower case, which Kubernetes needs for node names. It must be a name of RFC
// 1123.
func parseHostname(text string) (string, error) {
	line, _, _ := strings.Cut(text, "\n")
	name := strings.ToLower(strings.TrimSpace(line))
	if len(name) > hostnameLimit {
		return "", fmt.Errorf("host name has %d bytes: at most %d are allowed", len(name), hostnameLimit)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !wellFormed(label, 63, "-") {
			return "", fmt.Errorf("%q is not a host name", name)
		}
	}
	return name, nil
}

// wellFormed reports whether text has the form that host names and labels share: letters and digits, and characters of
// `inner` between them. There is no regular expression because it would be compiled during the boot.
func wellFormed(text string, limit int, inner string) bool {
	alphanumeric := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }
	if text == "" || len(text) > limit || !alphanumeric(text[0]) || !alphanumeric(text[len(text)-1]) {
		return false
	}
	for i := range len(text) {
		if !alphanumeric(text[i]) && strings.IndexByte(inner, text[i]) < 0 {
			return false
		}
	}
	return true
}

// parseLabels reads `key: value` lines. It skips empty lines and those that begin with #.
func parseLabels(text string) (string, error) {
	var labels []string
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), unquote(strings.TrimSpace(value))
		if !ok || !validLabelKey(key) || value != "" && !wellFormed(value, 63, "_.-") {
			return "", fmt.Errorf("line %d: %q is not a label (key: value)", number+1, line)
		}
		if forbiddenLabel(key) {
			return "", fmt.Errorf("line %d: a node may not give itself the label %s", number+1, key)
		}
		labels = append(labels, key+"="+value)
	}
	return strings.Join(labels, ","), nil
}

func unquote(value string) string {
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		return value[1 : len(value)-1]
	}
	return value
}

func validLabelKey(key string) bool {
	prefix, name, ok := strings.Cut(key, "/")
	if !ok {
		return wellFormed(key, 63, "_.-")
	}
	for label := range strings.SplitSeq(prefix, ".") {
		if !wellFormed(label, 63, "-") {
			return false
		}
	}
	return len(prefix) <= 253 && prefix == strings.ToLower(prefix) && wellFormed(name, 63, "_.-")
}

// ownLabels are those of Kubernetes' domains that kubelet may give to its own node. With another one, such as
// node-role.kubernetes.io/worker, it does not start (k8s.io/kubelet/pkg/apis/well_known_labels.go).
var ownLabels = []string{
	"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
	"node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
}

// forbiddenLabel reports whether a label is the cluster's to give.
func forbiddenLabel(key string) bool {
	prefix, _, _ := strings.Cut(key, "/")
	within := func(domain string) bool { return strings.HasSuffix("."+prefix, "."+domain) }
	kubernetes := strings.Contains(key, "/") && (within("kubernetes.io") || within("k8s.io"))
	return kubernetes && !within("kubelet.kubernetes.io") && !within("node.kubernetes.io") && !slices.Contains(ownLabels, key)
}

// parseNodeIP accepts one address, or one of each family.
func parseNodeIP(text string) (string, error) {
	var addresses []netip.Addr
	for word := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		address, err := netip.ParseAddr(strings.TrimSpace(word))
		if err != nil {
			return "", err
		}
		addresses = append(addresses, address.Unmap()) // kubelet takes a mapped one for IPv4, and ends with two of that
	}
	if len(addresses) > 2 || len(addresses) == 2 && addresses[0].Is4() == addresses[1].Is4() {
		return "", fmt.Errorf("%q is neither one address nor one of each family", strings.TrimSpace(text))
	}
	if slices.ContainsFunc(addresses, func(a netip.Addr) bool { return a.Zone() != "" || !a.IsValid() || a.IsUnspecified() }) {
		return "", fmt.Errorf("%q is not a node address", strings.TrimSpace(text))
	}
	parts := make([]string, len(addresses))
	for i, address := range addresses {
		parts[i] = address.String()
	}
	return strings.Join(parts, ","), nil
}
