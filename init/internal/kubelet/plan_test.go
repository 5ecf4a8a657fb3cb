package kubelet

import (
	"slices"
	"strings"
	"testing"
)

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
		{"an empty node", "standalone", "kios", Files{}, nil, ""},
		{"the first line is the host name, in lower case", "standalone", "node-1.example.org", Files{Hostname: text(" Node-1.Example.org \r\n# x\n")}, nil, ""},
		{"joining", "cluster", "kios", Files{Bootstrap: true}, []string{kube, boot}, ""},
		{"joined", "cluster", "kios", Files{Kubeconfig: true}, []string{kube}, ""},
		{"both", "cluster", "kios", Files{Kubeconfig: true, Bootstrap: true}, []string{kube, boot}, ""},
		{"labels and address wait for the cluster", "standalone", "kios", Files{NodeLabels: text("a: b"), NodeIP: text("10.0.0.1")}, nil, ""},
		{
			"labels", "cluster", "kios", Files{Kubeconfig: true, NodeLabels: text("# ours\n\nzone: eu-1\n topology.kubernetes.io/rack : \"r_1\"\nempty:\n")},
			[]string{kube, "--node-labels=zone=eu-1,topology.kubernetes.io/rack=r_1,empty="}, "",
		},
		{"a file without labels", "cluster", "kios", Files{Kubeconfig: true, NodeLabels: text("# none\n")}, []string{kube}, ""},
		{"dual stack", "cluster", "kios", Files{Kubeconfig: true, NodeIP: text("10.0.0.1, fd00::0001\n")}, []string{kube, "--node-ip=10.0.0.1,fd00::1"}, ""},
		{
			"credentials", "standalone", "kios", Files{Credentials: true},
			[]string{"--image-credential-provider-config=/etc/kubernetes/credential-providers.yaml", "--image-credential-provider-bin-dir=/var/lib/kios/credential-providers"}, "",
		},
		{
			"bad files are ignored and named", "cluster", "kios",
			Files{Kubeconfig: true, Hostname: text("-x"), NodeLabels: text("a=b"), NodeIP: text("10.0.0.256")},
			[]string{kube}, "/etc/hostname /etc/kubernetes/node-labels /etc/kubernetes/node-ip",
		},
	} {
		plan := Make(c.files, "kios")
		if want := append(slices.Clone(base), c.adds...); plan.Mode != c.mode || plan.Hostname != c.hostname || !slices.Equal(plan.Args, want) {
			t.Errorf("%s: %s %s %q", c.name, plan.Mode, plan.Hostname, plan.Args[3:])
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
	for _, bad := range []string{"", "a b", "x --v=9", "a,b", "a..b", ".", strings.Repeat("a", 65), strings.Repeat("a", 64), "ü"} {
		if name, err := parseHostname(bad); err == nil {
			t.Errorf("host name %q became %q", bad, name)
		}
	}
	for _, bad := range []string{"a", "a: b,c=d", "a: --v=9", "a b: c", "/a: b", "a/: b", "a/b/c: d", "-a: b", ": b", "a: " + strings.Repeat("b", 64)} {
		if labels, err := parseLabels(bad); err == nil {
			t.Errorf("labels %q became %q", bad, labels)
		}
	}
	for _, bad := range []string{"", ",", "10.0.0.1,10.0.0.2", "fe80::1%eth0", "0.0.0.0", "1.1.1.1,::1,::2", "10.0.0.1 --v=9"} {
		if ip, err := parseNodeIP(bad); err == nil {
			t.Errorf("address %q became %q", bad, ip)
		}
	}
}
