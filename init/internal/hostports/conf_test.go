package hostports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// plan returns the comments of the rules that a configuration asks for, in the order of the transaction.
func plan(t *testing.T, text string) (string, error) {
	t.Helper()
	c, err := parse([]byte(text))
	if err != nil {
		return "", err
	}
	rules, _, err := New(environment("ADD", "c1")).plan(c, "net c1 eth0")
	var comments []string
	for _, r := range rules {
		comments = append(comments, strings.TrimPrefix(r.comment, "net c1 eth0 "))
	}
	return strings.Join(comments, ", "), err
}

func configured(keys, mapping, ips string) string {
	return fmt.Sprintf(`{"cniVersion":"1.0.0","name":"net",%s"runtimeConfig":{"portMappings":[%s]},
		"prevResult":{"interfaces":[{"name":"cni0"},{"name":"eth0","sandbox":"/x"},{"name":"net1","sandbox":"/x"}],"ips":[%s]}}`,
		keys, mapping, ips)
}

const (
	tcp  = `{"hostPort":8080,"containerPort":80,"protocol":"tcp"}`
	v4   = `{"address":"10.0.0.5/24","interface":1}`
	v6   = `{"address":"fd00::5/64","interface":1}`
	both = v4 + "," + v6
)

func TestWhatAConfigurationAsksFor(t *testing.T) {
	for name, c := range map[string]struct{ keys, mapping, ips, want string }{
		"both families": {``, tcp, both, "tcp *:8080 to 10.0.0.5:80, tcp *:8080 to [fd00::5]:80, " +
			"masquerade 10.0.0.0/24 to 10.0.0.5, masquerade 127.0.0.0/8 to 10.0.0.5, masquerade fd00::/64 to fd00::5"},
		"no port":        {``, ``, both, ""},
		"another family": {`"snat":false,`, `{"hostPort":1,"containerPort":2,"protocol":"udp","hostIP":"0.0.0.0"}`, both, "udp *:1 to 10.0.0.5:2"},
		"one address": {`"snat":false,`, `{"hostPort":1,"containerPort":2,"protocol":"SCTP","hostIP":"::ffff:192.0.2.1"},` + tcp, v4,
			"tcp *:8080 to 10.0.0.5:80, sctp 192.0.2.1:1 to 10.0.0.5:2"},
		"masquerade all": {`"masqAll":true,`, tcp, v4, "tcp *:8080 to 10.0.0.5:80, masquerade all to 10.0.0.5"},
		"first address":  {`"snat":false,`, tcp, `{"address":"10.0.0.7/24","interface":2},{"address":"10.0.0.8/24","interface":0},` + v4 + `,{"address":"10.0.0.6/24"}`, "tcp *:8080 to 10.0.0.5:80"},
		"no index":       {`"snat":false,`, tcp, `{"version":"4","address":"10.0.0.5/24"}`, "tcp *:8080 to 10.0.0.5:80"},
		"upstream's own": {`"backend":"nftables","markMasqBit":5,"snat":false,"conditionsV4":[],`, tcp, v4, "tcp *:8080 to 10.0.0.5:80"},
	} {
		if got, err := plan(t, configured(c.keys, c.mapping, c.ips)); err != nil || got != c.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, c.want)
		}
	}
}

func TestWhatIsRefusedAndWhy(t *testing.T) {
	for want, text := range map[string]string{
		"has no backend iptables":              configured(`"backend":"iptables",`, tcp, v4),
		"has no externalSetMarkChain":          configured(`"externalSetMarkChain":"KUBE-MARK-MASQ",`, tcp, v4),
		"has no conditionsV4":                  configured(`"conditionsV4":["ip","daddr"],`, tcp, v4),
		"has no conditionsV6":                  configured(`"conditionsV6":["-d"],`, tcp, v4),
		"has no markMasqBit beyond":            configured(`"markMasqBit":32,`, tcp, v4),
		`port 1 of the host: no protocol "x"`:  configured(``, `{"hostPort":1,"containerPort":2,"protocol":"x"}`, v4),
		"port 0 of the host: a port is":        configured(``, `{"hostPort":0,"containerPort":2,"protocol":"tcp"}`, v4),
		"port 1 of the host: a port is":        configured(``, `{"hostPort":1,"containerPort":65536,"protocol":"tcp"}`, v4),
		`"fe80::1%eth0" is not an address`:     configured(``, `{"hostPort":1,"containerPort":2,"protocol":"tcp","hostIP":"fe80::1%eth0"}`, v4),
		"no address of the family of 2001::1":  configured(``, `{"hostPort":1,"containerPort":2,"protocol":"tcp","hostIP":"2001::1"}`, v4),
		"no address of the family of any":      configured(``, tcp, ``),
		"read result of the network":           configured(``, tcp, `{"address":"10.0.0.5"}`),
		"portmap is not the first plugin":      `{"cniVersion":"1.0.0","name":"net","runtimeConfig":{"portMappings":[` + tcp + `]}}`,
		"the name " + strings.Repeat("n", 250): strings.Replace(configured(``, tcp, v4), `"net"`, `"`+strings.Repeat("n", 250)+`"`, 1),
	} {
		var out bytes.Buffer
		if status := New(environment("ADD", "c1")).Command(strings.NewReader(text), &out); status != 1 || !strings.Contains(jsonText(out.String()), want) {
			t.Errorf("%s: %d %s", want, status, out.String())
		}
	}
}

// jsonText returns text without the escapes that matter here.
func jsonText(text string) string { return strings.ReplaceAll(text, `\"`, `"`) }

func TestAPodWithoutPortsNeedsNoKernel(t *testing.T) {
	var out bytes.Buffer
	status := New(environment("ADD", "c1")).Command(strings.NewReader(configured(``, ``, v4)), &out)
	if status != 0 || !strings.HasPrefix(out.String(), `{"interfaces":[{"name":"cni0"}`) {
		t.Errorf("%d %s", status, out.String())
	}
}

func TestWrongCalls(t *testing.T) {
	for _, c := range []struct{ command, container, text, want string }{
		{"VERSION", "", `{"cniVersion":"1.0.0"}`, `"supportedVersions":["0.3.0"`},
		{"VERSION", "", ``, `"supportedVersions":["0.3.0"`},
		{"ADD", "", configured(``, tcp, v4), "CNI_CONTAINERID"},
		{"ADD", "a b", configured(``, tcp, v4), "CNI_CONTAINERID"},
		{"UPDATE", "c1", `{"cniVersion":"1.0.0","name":"net"}`, "CNI_COMMAND is UPDATE"},
		{"ADD", "c1", `{"cniVersion":"9.0.0"}`, "version 9.0.0 is not supported"},
		{"ADD", "c1", `{`, `"code":7`},
	} {
		var out bytes.Buffer
		New(environment(c.command, c.container)).Command(strings.NewReader(c.text), &out)
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%s %s: %s", c.command, c.text, out.String())
		}
	}
}
