package kubelet

import (
	"slices"
	"strings"
	"testing"
)

var own = Name{"kios-1a2b3c4d", "machine"}

func text(s string) *string { return &s }

func TestMake(t *testing.T) {
	base := []string{"/bin/kubelet", "--config=/lib/kios/kubelet.yaml", "--config-dir=/etc/kubernetes/kubelet.conf.d"}
	const kube, boot = "--kubeconfig=/etc/kubernetes/kubelet.conf", "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf"
	for _, c := range []struct {
		name, mode, hostname string
		files                Files
		adds                 []string
		faults               string // ignored files
	}{
		{"an empty node", "standalone", own.Host, Files{}, nil, ""},
		{"the first line is the host name, in lower case", "standalone", "node-1.example.org", Files{Hostname: text(" Node-1.Example.org \r\n# x\n")}, nil, ""},
		{"joining", "cluster", own.Host, Files{Bootstrap: true}, []string{kube, boot}, ""},
		{"joined", "cluster", own.Host, Files{Kubeconfig: true}, []string{kube}, ""},
		{"both", "cluster", own.Host, Files{Kubeconfig: true, Bootstrap: true}, []string{kube, boot}, ""},
		{"labels and address wait for the cluster", "standalone", own.Host, Files{NodeLabels: text("a: b"), NodeIP: text("10.0.0.1")}, nil, ""},
		{
			"labels", "cluster", own.Host, Files{Kubeconfig: true, NodeLabels: text("# ours\n\nzone: eu-1\n example.org/rack : \"r_1\"\nempty:\n")},
			[]string{kube, "--node-labels=zone=eu-1,example.org/rack=r_1,empty="}, "",
		},
		{"a file without labels", "cluster", own.Host, Files{Kubeconfig: true, NodeLabels: text("# none\n")}, []string{kube}, ""},
		{"dual stack", "cluster", own.Host, Files{Kubeconfig: true, NodeIP: text("10.0.0.1, fd00::0001\n")}, []string{kube, "--node-ip=10.0.0.1,fd00::1"}, ""},
		{"an address in the other family's form", "cluster", own.Host, Files{Kubeconfig: true, NodeIP: text("::ffff:10.0.0.1,fd00::1")}, []string{kube, "--node-ip=10.0.0.1,fd00::1"}, ""},
		{"a cloud's own manager", "cluster", own.Host, Files{Kubeconfig: true, Manager: text("external\n")}, []string{kube, "--cloud-provider=external"}, ""},
		{"a manager waits for the cluster", "standalone", own.Host, Files{Manager: text("external")}, nil, ""},
		{"another manager", "cluster", own.Host, Files{Kubeconfig: true, Manager: text("aws --v=9")}, []string{kube}, "/etc/kubernetes/cloud-provider"},
		{
			"credentials", "standalone", own.Host, Files{Credentials: true},
			[]string{"--image-credential-provider-config=/etc/kubernetes/credential-providers.yaml", "--image-credential-provider-bin-dir=/var/lib/kios/credential-providers"}, "",
		},
		{
			"bad files are ignored and named", "cluster", own.Host,
			Files{Kubeconfig: true, Hostname: text("-x"), NodeLabels: text("a=b"), NodeIP: text("10.0.0.256")},
			[]string{kube}, "/etc/hostname /etc/kubernetes/node-labels /etc/kubernetes/node-ip",
		},
	} {
		plan := Make(c.files, own)
		if want := append(slices.Clone(base), c.adds...); plan.Mode != c.mode || plan.Name.Host != c.hostname || !slices.Equal(plan.Args, want) {
			t.Errorf("%s: %s %s %q", c.name, plan.Mode, plan.Name.Host, plan.Args[3:])
		}
		if fromFile := plan.Name.Source == "file"; fromFile != (plan.Name != own) {
			t.Errorf("%s: the name comes from %q", c.name, plan.Name.Source)
		}
		var faults []string
		for _, f := range plan.Faults {
			faults = append(faults, f.File)
		}
		if got := strings.Join(faults, " "); got != c.faults {
			t.Errorf("%s: ignored %q, want %q", c.name, got, c.faults)
		}
	}
}

func TestNoFileCanAddAnotherFlag(t *testing.T) {
	for _, bad := range []string{"", "a b", "x --v=9", "a,b", "a..b", ".", strings.Repeat("a", 64), "ü"} {
		if name, err := parseHostname(bad); err == nil {
			t.Errorf("host name %q became %q", bad, name)
		}
	}
	for _, bad := range []string{"a", "a: b,c=d", "a: --v=9", "a b: c", "/a: b", "a/: b", "a/b/c: d", "a..b/c: d", "a.-b/c: d", "-a: b", ": b", "a: " + strings.Repeat("b", 64)} {
		if labels, err := parseLabels(bad); err == nil {
			t.Errorf("labels %q became %q", bad, labels)
		}
	}
	for _, bad := range []string{"", ",", "10.0.0.1,10.0.0.2", "fe80::1%eth0", "0.0.0.0", "1.1.1.1,::1,::2", "10.0.0.1,::ffff:10.0.0.2", "::ffff:0.0.0.0", "10.0.0.1 --v=9"} {
		if ip, err := parseNodeIP(bad); err == nil {
			t.Errorf("address %q became %q", bad, ip)
		}
	}
}

// The name becomes the value of the label kubernetes.io/hostname. With a longer one kubelet runs, but never registers.
func TestANameThatIsNoLabelIsRefusedAndTheMachinesOwnCounts(t *testing.T) {
	long := strings.Repeat("a", 31) + "." + strings.Repeat("b", 31)
	if plan := Make(Files{Hostname: &long}, own); plan.Name.Host != long || plan.Faults != nil {
		t.Errorf("63 characters: %+v", plan)
	}
	long += "c"
	plan := Make(Files{Hostname: &long}, own)
	if plan.Name != own || len(plan.Faults) != 1 || plan.Faults[0].File != "/etc/hostname" {
		t.Errorf("64 characters: %+v", plan)
	}
}

// The label that most people give first is one with which kubelet does not start: then no agent could correct the file.
func TestALabelThatKubeletMayNotGiveItsNodeIsNamed(t *testing.T) {
	for _, bad := range []string{"node-role.kubernetes.io/worker", "kubernetes.io/role", "topology.kubernetes.io/rack", "x.k8s.io/a", "k8s.io/a", "notnode.kubernetes.io/a"} {
		plan := Make(Files{Kubeconfig: true, NodeLabels: text("zone: eu-1\n" + bad + ": \"\"\n")}, own)
		if len(plan.Args) != 4 || len(plan.Faults) != 1 || !strings.Contains(plan.Faults[0].Err.Error(), bad) {
			t.Errorf("%s: %+v", bad, plan)
		}
	}
	for _, good := range []string{
		"node.kubernetes.io/pool", "a.node.kubernetes.io/pool", "kubelet.kubernetes.io/x", "topology.kubernetes.io/zone",
		"example.org/kubernetes.io", "notkubernetes.io/a", "node-role", "kubernetes.io",
	} {
		if plan := Make(Files{Kubeconfig: true, NodeLabels: text(good + ": x")}, own); len(plan.Faults) != 0 || plan.Args[4] != "--node-labels="+good+"=x" {
			t.Errorf("%s: %+v", good, plan)
		}
	}
}
