package lanplugin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scene is a host with a bridge, a fake agent and a fake plugin bridge that asks for an address as upstream's does.
type scene struct {
	*testing.T
	plugin   *Plugin
	env      map[string]string
	replies  map[string]string // by command
	requests []Request
	bridged  map[string]any // the network that bridge was given
	heeded   string         // what the pod made of routers when bridge ran
}

func (s *scene) routers() string { return filepath.Join(s.plugin.Conf, "default/accept_ra_defrtr") }

const granted = `{"v":1,"address":"192.0.2.20/24","host":"192.0.2.5","routes":[{"to":"0.0.0.0/0","via":"192.0.2.1"},{"to":"198.51.100.0/24"}],"dns":["192.0.2.1"]}`

func open(t *testing.T) *scene {
	folder := t.TempDir()
	s := &scene{T: t, env: map[string]string{
		"CNI_CONTAINERID": "c1", "CNI_IFNAME": "eth0", "CNI_NETNS": "/run/netns/1", "CNI_PATH": folder,
		"CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
	}, replies: map[string]string{
		"prepare": `{"v":1,"mac":"02:00:00:00:00:01","acceptRa":2}`, "add": granted, "attach": `{"v":1}`,
		"delete": `{"v":1}`, "check": `{"v":1}`, "status": `{"v":1}`, "gc": `{"v":1}`,
	}}
	for _, dir := range []string{"sys/br0/bridge", "conf/br0"} {
		s.must(os.MkdirAll(filepath.Join(folder, dir), 0o755))
	}
	s.must(os.WriteFile(filepath.Join(folder, "conf/br0/accept_ra"), []byte("0\n"), 0o644))
	s.must(os.WriteFile(filepath.Join(folder, "bridge"), nil, 0o755))
	s.must(os.WriteFile(filepath.Join(folder, "sys/bridge-nf-call-iptables"), []byte("1\n"), 0o644))
	s.plugin = New(func(name string) string { return s.env[name] })
	s.plugin.Socket, s.plugin.Notes = filepath.Join(folder, "dhcp.sock"), filepath.Join(folder, "notes")
	s.plugin.Sys, s.plugin.Conf = filepath.Join(folder, "sys"), filepath.Join(folder, "conf")
	s.plugin.Bridge = s.plugin.Sys
	s.must(os.MkdirAll(filepath.Join(folder, "conf/default"), 0o755))
	s.must(os.WriteFile(s.routers(), []byte("1\n"), 0o644))
	s.plugin.Enter = func(netns string, work func()) error {
		if netns != s.env["CNI_NETNS"] {
			t.Errorf("entered %s", netns)
		}
		work()
		return nil
	}
	s.plugin.Run = func(_ string, stdin []byte) ([]byte, error) {
		s.must(json.Unmarshal(stdin, &s.bridged))
		text, _ := os.ReadFile(s.routers())
		s.heeded = strings.TrimSpace(string(text))
		var out bytes.Buffer
		if s.plugin.Command(bytes.NewReader(stdin), &out) != 0 {
			return out.Bytes(), io.ErrUnexpectedEOF
		}
		if s.env["CNI_COMMAND"] != "ADD" {
			return nil, nil
		}
		return []byte(`{"cniVersion":"1.0.0","interfaces":[{"name":"br0"},{"name":"veth1"},{"name":"eth0","sandbox":"/run/netns/1"}],"ips":` +
			field(t, out.Bytes(), "ips") + `,"routes":` + field(t, out.Bytes(), "routes") + `}`), nil
	}
	s.serve()
	return s
}

func field(t *testing.T, text []byte, name string) string {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err, string(text))
	}
	return string(all[name])
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) serve() {
	listener, err := net.Listen("unix", s.plugin.Socket)
	s.must(err)
	s.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadBytes('\n')
			var r Request
			json.Unmarshal(line, &r)
			s.requests = append(s.requests, r)
			io.WriteString(conn, s.replies[r.Command]+"\n")
			conn.Close()
		}
	}()
}

func (s *scene) call(command, conf string) (status int, out string) {
	s.env["CNI_COMMAND"] = command
	var b bytes.Buffer
	status = s.plugin.Command(strings.NewReader(conf), &b)
	return status, strings.TrimSpace(b.String())
}

func (s *scene) commands() string {
	var names []string
	for _, r := range s.requests {
		names = append(names, r.Command)
	}
	return strings.Join(names, " ")
}

const network = `{"cniVersion":"1.0.0","name":"kios-lan","type":"kios-lan","bridge":"br0","serviceCIDRs":["10.96.0.0/12","fd00::/108"],"isGateway":true,"runtimeConfig":{"mac":"0a:00:00:00:00:09"}}`

func TestAddGivesThePodItsAddressThroughBridge(t *testing.T) {
	s := open(t)
	status, out := s.call("ADD", network)
	if status != 0 {
		t.Fatal(out)
	}
	if got := s.commands(); got != "prepare add attach" {
		t.Errorf("asked the agent: %s", got)
	}
	if got := field(t, []byte(out), "ips"); got != `[{"address":"192.0.2.20/24"}]` {
		t.Errorf("ips: %s", got)
	}
	want := `[{"dst":"0.0.0.0/0","gw":"192.0.2.1"},{"dst":"198.51.100.0/24"},{"dst":"10.96.0.0/12","gw":"192.0.2.5"}]`
	if got := field(t, []byte(out), "routes"); got != want {
		t.Errorf("routes: %s, want %s", got, want)
	}
	attached := s.requests[2].Attachment
	if attached.Port != "veth1" || attached.Pod != "web-0" || s.requests[1].Attachment.MAC != "02:00:00:00:00:01" {
		t.Errorf("attached %+v after %+v", attached, s.requests[1].Attachment)
	}
}

func TestBridgeGetsTheHardwareAddressAndNothingThatChangesTheHost(t *testing.T) {
	s := open(t)
	s.call("ADD", network)
	if _, is := s.bridged["isGateway"]; is {
		t.Error("bridge would take an address of the segment as gateway")
	}
	if _, is := s.bridged["runtimeConfig"]; is {
		t.Error("bridge would give the pod another hardware address than the agent knows")
	}
	text, _ := json.Marshal(s.bridged["args"])
	if string(text) != `{"cni":{"mac":"02:00:00:00:00:01"}}` {
		t.Errorf("args: %s", text)
	}
}

func TestAnAttachmentLeavesThePodItsOwnDefaultRoute(t *testing.T) {
	s := open(t)
	s.replies["add"] = `{"v":1,"address":"192.0.2.20/24","host":"192.0.2.5","routes":[` +
		`{"to":"0.0.0.0/0","via":"192.0.2.1"},{"to":"0.0.0.0/1","via":"192.0.2.1"},` +
		`{"to":"128.0.0.0/1","via":"192.0.2.1"},{"to":"198.51.100.0/24","via":"192.0.2.2"}]}`
	if s.call("ADD", network); s.heeded != "1" {
		t.Errorf("routers of the pod's own network: %q", s.heeded)
	}
	s.env["CNI_IFNAME"] = "net1"
	_, out := s.call("ADD", network)
	want := `[{"dst":"198.51.100.0/24","gw":"192.0.2.2"},{"dst":"10.96.0.0/12","gw":"192.0.2.5"}]`
	if got := field(t, []byte(out), "routes"); got != want {
		t.Errorf("routes: %s, want %s", got, want)
	}
	if text, _ := os.ReadFile(s.routers()); s.heeded != "0" || string(text) != "1" {
		t.Errorf("routers were heeded: %q, then %q", s.heeded, text)
	}
}

func TestAddRestoresHowTheHostTakesRouterAnnouncements(t *testing.T) {
	s := open(t)
	s.call("ADD", network)
	text, _ := os.ReadFile(filepath.Join(s.plugin.Conf, "br0/accept_ra"))
	if string(text) != "2" {
		t.Errorf("accept_ra is %q", text)
	}
}

func TestBridgedFramesPassThePacketFilterByOnlyWhereTheNetworkSaysSo(t *testing.T) {
	s := open(t)
	filtered := func() string {
		text, _ := os.ReadFile(filepath.Join(s.plugin.Bridge, "bridge-nf-call-iptables"))
		return strings.TrimSpace(string(text))
	}
	if s.call("ADD", network); filtered() != "1" {
		t.Error("an attachment changed what another network needs")
	}
	if s.call("ADD", strings.TrimSuffix(network, "}")+`,"bridgeNetfilter":false}`); filtered() != "0" {
		t.Error("frames still pass the filter")
	}
}

func TestAddWithoutTheBridgeLeavesItToTheAgent(t *testing.T) {
	s := open(t)
	s.must(os.RemoveAll(filepath.Join(s.plugin.Sys, "br0")))
	if status, out := s.call("ADD", network); status == 0 || !strings.Contains(out, `"code":11`) {
		t.Errorf("%d %s", status, out)
	}
	if s.bridged != nil {
		t.Error("bridge was started, and would have made the bridge")
	}
}

func TestARefusalOfTheAgentIsThePluginsError(t *testing.T) {
	s := open(t)
	s.replies["add"] = `{"v":1,"error":{"code":"KIOS_DHCP_POD_NO_LEASE","message":"cannot get an address"}}`
	status, out := s.call("ADD", network)
	want := `{"cniVersion":"1.0.0","code":100,"msg":"cannot get an address [KIOS_DHCP_POD_NO_LEASE]"}`
	if status != 1 || out != want {
		t.Errorf("%d %s", status, out)
	}
}

func TestDelWhileTheAgentIsAwayLeavesANote(t *testing.T) {
	s := open(t)
	s.must(os.Remove(s.plugin.Socket))
	if status, out := s.call("DEL", network); status != 0 {
		t.Fatal(out)
	}
	text, err := os.ReadFile(filepath.Join(s.plugin.Notes, "c1.eth0.json"))
	s.must(err)
	if !strings.Contains(string(text), `"pod":"web-0"`) {
		t.Errorf("note: %s", text)
	}
	if status, out := s.call("ADD", network); status != 1 || !strings.Contains(out, `"code":11`) {
		t.Errorf("%d %s", status, out)
	}
}

func TestOlderVersionsSayTheFamily(t *testing.T) {
	s := open(t)
	_, out := s.call("ADD", strings.Replace(network, "1.0.0", "0.3.1", 1))
	if got := field(t, []byte(out), "ips"); got != `[{"version":"4","address":"192.0.2.20/24"}]` {
		t.Errorf("ips: %s", got)
	}
}

func TestGarbageCollectionNamesWhatIsThere(t *testing.T) {
	s := open(t)
	conf := strings.TrimSuffix(network, "}") + `,"cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"}]}`
	if status, out := s.call("GC", conf); status != 0 {
		t.Fatal(out)
	}
	if got := *s.requests[0].Valid; len(got) != 1 || got[0].Container != "c2" {
		t.Errorf("valid: %v", got)
	}
}

func TestStatusAndVersionAndWrongCalls(t *testing.T) {
	s := open(t)
	if status, out := s.call("STATUS", network); status != 0 {
		t.Error(out)
	}
	s.replies["status"] = `{"v":1,"error":{"code":"KIOS_DHCP_LAN_REFUSED","message":"cannot serve pods"}}`
	if status, out := s.call("STATUS", network); status != 1 || !strings.Contains(out, `"code":50`) {
		t.Errorf("%d %s", status, out)
	}
	if status, out := s.call("VERSION", `{"cniVersion":"1.0.0"}`); status != 0 || !strings.Contains(out, `"0.3.1"`) {
		t.Errorf("%d %s", status, out)
	}
	for _, wrong := range []string{
		`{`, `{"cniVersion":"9.0.0","type":"kios-lan"}`,
		`{"cniVersion":"1.0.0","type":"kios-lan","ipam":{"type":"host-local"}}`,
		`{"cniVersion":"1.0.0","type":"bridge","ipam":{"type":"kios-lan"}}`, // without a hardware address
	} {
		if status, out := s.call("ADD", wrong); status != 1 || !strings.Contains(out, `"msg"`) {
			t.Errorf("%s: %d %s", wrong, status, out)
		}
	}
}
