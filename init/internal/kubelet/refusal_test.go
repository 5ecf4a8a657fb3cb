package kubelet

import (
	"strings"
	"testing"
)

// readAll passes lines on and returns the refusals as "what: cause".
func readAll(lines string) (found []string) {
	var r Refusals
	for line := range strings.Lines(lines) {
		if what, cause := r.Line([]byte(line)); what != "" {
			found = append(found, what+": "+cause)
		}
	}
	return found
}

func TestRefusedManifestsAreReadFromKubeletsLog(t *testing.T) {
	for _, c := range []struct{ name, lines, want string }{
		{
			"a fault of YAML",
			`E1126 02:30:00.000000     201 file.go:186] "Could not process manifest file" err="/run/kios/manifests/x.yaml: couldn't parse as pod(yaml: line 3: did not find expected \"key\"), please check config file" path="/run/kios/manifests/x.yaml"`,
			`x.yaml: yaml: line 3: did not find expected "key"`,
		},
		{
			"a fault of several lines",
			"E1126 02:30:00.000000     201 file.go:186] \"Could not process manifest file\" err=<\n\t/run/kios/manifests/x.yaml: couldn't parse as pod(yaml: unmarshal errors:\n\t  line 2: found a tab), please check config file\n >  path=\"/run/kios/manifests/x.yaml\"",
			"x.yaml: yaml: unmarshal errors:",
		},
		{
			"an object that is no pod, with what may be a secret",
			`E1126 02:30:00.000000     201 file.go:186] "Could not process manifest file" err="/run/kios/manifests/x.yaml: couldn't parse as pod(invalid pod: &core.Secret{Data:hunter2}), please check config file" path="/run/kios/manifests/x.yaml"`,
			"x.yaml: it is no pod of version v1",
		},
		{
			"a name that is taken",
			`I1126 02:30:00.000000     201 config.go:269] "Pod failed validation due to duplicate pod name, ignoring" index=1 pod="kube-system/dhcp-node" source="file"`,
			"pod kube-system/dhcp-node: another manifest has a pod of this name",
		},
		{"a long one", `"Could not process manifest file" err="` + strings.Repeat("x", 400) + `" path="/a/x.yaml"`, "x.yaml: " + strings.Repeat("x", 300) + " …"},
		{"another line", `I1126 02:30:00.000000     201 kubelet.go:1] "Starting kubelet" path="/run"`, ""},
		{"a message that breaks off", "\"Could not process manifest file\" err=<\nI1126 another line\n > path=\"/a/x.yaml\"", ""},
	} {
		if got := strings.Join(readAll(c.lines), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
