package kubelet

import (
	"strings"
	"testing"
)

// before begins each line of klog.
const before = `E1127 05:30:00.000000     201 pod_workers.go:1338] `

func TestAPodWithoutItsImageIsReadFromKubeletsLog(t *testing.T) {
	for _, c := range []struct{ name, line, pod, cause string }{
		{
			"no network",
			`"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"acquire\" with ErrImagePull: \"failed to pull and unpack image \\\"registry.test/dhcp:1\\\": dial tcp 192.0.2.1:443: connect: network is unreachable\"" pod="kube-system/dhcp-node" podUID="f00"`,
			"kube-system/dhcp-node", `failed to pull and unpack image "registry.test/dhcp:1": dial tcp 192.0.2.1:443: connect: network is unreachable`,
		},
		{
			"a pull that is put off",
			`"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"run\" with ImagePullBackOff: \"Back-off pulling image \\\"registry.test/dhcp:1\\\"\"" pod="kube-system/dhcp-node" podUID="f00"`,
			"kube-system/dhcp-node", `Back-off pulling image "registry.test/dhcp:1"`,
		},
		{
			"an image that may not be pulled",
			`"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"run\" with ErrImageNeverPull: \"Container image \\\"kios.invalid/dhcp:9\\\" is not present with pull policy of Never\"" pod="kube-system/dhcp-node" podUID="f00"`,
			"kube-system/dhcp-node", `Container image "kios.invalid/dhcp:9" is not present with pull policy of Never`,
		},
		{
			"one of two containers",
			`"Error syncing pod, skipping" err="[failed to \"StartContainer\" for \"a\" with CrashLoopBackOff: \"back-off 10s\", failed to \"StartContainer\" for \"b\" with InvalidImageName: \"Failed to apply default image tag \\\"A:B:C\\\"\"]" pod="kube-system/x-node" podUID="f00"`,
			"kube-system/x-node", `Failed to apply default image tag "A:B:C"`,
		},
		{
			"an address with a signature",
			`"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"run\" with ErrImagePull: \"Get \\\"https://blobs.test/x?X-Sig=hunter2\\\": EOF\"" pod="kube-system/dhcp-node" podUID="f00"`,
			"kube-system/dhcp-node", `Get "https://blobs.test/x?…": EOF`,
		},
		{
			"a registry that names another pod",
			`"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"run\" with ErrImagePull: \"said pod=\\\"kube-system/cni-node\\\"\"" pod="default/mine-node" podUID="f00"`,
			"default/mine-node", `said pod="kube-system/cni-node"`,
		},
		{
			"a container that ends",
			`"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"run\" with CrashLoopBackOff: \"back-off 10s restarting failed container\"" pod="kube-system/dhcp-node" podUID="f00"`,
			"", "",
		},
		{"a broken line", `"Error syncing pod, skipping" err="failed to`, "", ""},
		{"another line", `"Starting kubelet" pod="kube-system/dhcp-node"`, "", ""},
	} {
		if pod, cause := Unpullable([]byte(before + c.line + "\n")); pod != c.pod || cause != c.cause {
			t.Errorf("%s: %q %q, want %q %q", c.name, pod, cause, c.pod, c.cause)
		}
	}
}

func TestALongCauseKeepsItsEnd(t *testing.T) {
	line := before + failedSync + `"failed to \"StartContainer\" for \"run\" with ErrImagePull: \"` + strings.Repeat("x", 400) + `: EOF\"" pod="a/b"`
	if pod, cause := Unpullable([]byte(line)); pod != "a/b" || cause != "… "+strings.Repeat("x", longest-5)+": EOF" {
		t.Errorf("%q %q", pod, cause)
	}
}
