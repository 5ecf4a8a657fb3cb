package hostports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testroot"
)

// network is a node with pods and a client on its segment, each a network namespace.
type network struct {
	*testing.T
	name string
	link string         // the host's, to the pods
	keys map[string]any // of the configuration, beside those of every network
}

// pod is one of the network's, with its addresses.
type pod struct {
	name      string
	mac       string
	addresses []string
}

const (
	hostAddress, hostAddress6     = "192.0.2.2", "2001:db8::2"
	clientAddress, clientAddress6 = "192.0.2.1", "2001:db8::1"
	farAddress                    = "198.51.100.1" // the client's behind the segment
)

// newNetwork makes a node and a client whose segment is behind the node's link: its card, or a bridge with the card.
func newNetwork(t *testing.T, link string) *network {
	testroot.Require(t, "network namespaces")
	n := &network{T: t, name: fmt.Sprintf("hp%d", os.Getpid()), link: link}
	for _, ns := range []string{"host", "client"} {
		n.addNamespace(ns)
	}
	n.ip("host", "link add eth0 type veth peer name eth0 netns "+n.name+"client")
	if link != "eth0" {
		n.ip("host", "link add "+link+" type bridge forward_delay 0")
		n.ip("host", "link set eth0 master "+link+" up")
	}
	n.ip("client", "link set lo up")
	n.up("host", link, hostAddress+"/24", hostAddress6+"/64")
	n.up("client", "eth0", clientAddress+"/24", clientAddress6+"/64")
	n.ip("client", "address add "+farAddress+"/32 dev lo")
	n.ip("host", "route add default via "+clientAddress)
	for _, setting := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		n.set("host", setting, "1")
		n.set("client", setting, "1")
	}
	n.set("host", "ipv4/conf/all/send_redirects", "0")
	n.set("host", "ipv4/conf/default/send_redirects", "0")
	n.set("client", "ipv4/conf/all/rp_filter", "0")
	return n
}

// newNode has the pod network of a node alone.
func newNode(t *testing.T) *network {
	n := newNetwork(t, "eth0")
	n.link = "cni0"
	n.ip("host", "link add cni0 type bridge forward_delay 0")
	n.up("host", "cni0", "10.85.0.1/16", "fd85::1/64")
	return n
}

func (n *network) addNamespace(ns string) {
	n.Helper()
	n.ip("", "netns add "+n.name+ns)
	n.Cleanup(func() { exec.Command("ip", "netns", "del", n.name+ns).Run() })
	n.ip(ns, "link set lo up")
	n.set(ns, "ipv6/conf/default/accept_dad", "0")
	n.set(ns, "ipv6/conf/all/accept_dad", "0")
}

// addPod gives a pod an address of each family behind the host's bridge, and a router.
func (n *network) addPod(name, address, address6, router, router6 string) pod {
	n.Helper()
	n.addNamespace(name)
	n.ip("host", fmt.Sprintf("link add veth%s type veth peer name eth0 netns %s%s", name, n.name, name))
	n.ip("host", fmt.Sprintf("link set veth%s master %s up", name, n.link))
	n.ip("host", "link set veth"+name+" type bridge_slave hairpin on")
	mac := fmt.Sprintf("02:0e:8f:34:21:%02x", name[len(name)-1])
	n.ip(name, "link set eth0 address "+mac)
	n.up(name, "eth0", address, address6)
	n.ip(name, "route add default via "+router)
	n.ip(name, "-6 route add default via "+router6)
	return pod{name, mac, []string{address, address6}}
}

func (n *network) addNodePod(number int) pod {
	n.Helper()
	return n.addPod(fmt.Sprint("pod", number),
		fmt.Sprintf("10.85.0.%d/16", number), fmt.Sprintf("fd85::%d/64", number), "10.85.0.1", "fd85::1")
}

func (n *network) addLanPod(number int) pod {
	n.Helper()
	return n.addPod(fmt.Sprint("pod", number),
		fmt.Sprintf("192.0.2.%d/24", number), fmt.Sprintf("2001:db8::%d/64", number), clientAddress, clientAddress6)
}

func (n *network) up(ns, link, address, address6 string) {
	n.Helper()
	n.ip(ns, "address add "+address+" dev "+link)
	n.ip(ns, "address add "+address6+" dev "+link+" nodad")
	n.ip(ns, "link set "+link+" up")
}

func (n *network) ip(ns, args string) {
	n.Helper()
	words := strings.Fields(args)
	if ns != "" {
		words = append([]string{"-n", n.name + ns}, words...)
	}
	if out, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
		n.Fatalf("ip %v: %v %s", words, err, out)
	}
}

func (n *network) set(ns, setting, value string) {
	n.Helper()
	n.inside(ns, func() {
		if err := os.WriteFile("/proc/sys/net/"+setting, []byte(value), 0o644); err != nil {
			n.Errorf("%s: %v", setting, err)
		}
	})
}

// inside runs a function on a thread of its own in a network namespace. The thread ends with it.
func (n *network) inside(ns string, run func()) {
	n.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		file, err := os.Open("/run/netns/" + n.name + ns)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err == nil {
			run()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		n.Fatal(err)
	}
}

// serve replies to each client on a port of a namespace with a name and the client's address as it sees it.
func (n *network) serve(ns, protocol, at string) {
	n.Helper()
	n.inside(ns, func() {
		if protocol == "udp" {
			family := "udp4"
			if strings.HasPrefix(at, "[") {
				family = "udp6"
			}
			conn, err := net.ListenPacket(family, at)
			if err != nil {
				n.Error(err)
				return
			}
			n.Cleanup(func() { conn.Close() })
			go replyToDatagrams(conn, ns)
			return
		}
		listener, err := net.Listen("tcp", at)
		if err != nil {
			n.Error(err)
			return
		}
		n.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprint(conn, said(ns, conn.RemoteAddr()))
				conn.Close()
			}
		}()
	})
}

func replyToDatagrams(conn net.PacketConn, ns string) {
	buffer := make([]byte, 64)
	for {
		_, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		conn.WriteTo([]byte(said(ns, from)), from)
	}
}

func said(ns string, from net.Addr) string {
	address := netip.MustParseAddrPort(from.String())
	return ns + " " + address.Addr().Unmap().WithZone("").String()
}

// ask returns what a server says to a client of a namespace, or the error. source may be empty, or has an address or a
// port of the client.
func (n *network) ask(ns, protocol, server, source string) (reply string) {
	n.Helper()
	n.inside(ns, func() { reply = dial(protocol, server, source) })
	return reply
}

func dial(protocol, server, source string) string {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	if source != "" {
		if protocol == "udp" {
			dialer.LocalAddr, _ = net.ResolveUDPAddr("udp", source)
		} else {
			dialer.LocalAddr, _ = net.ResolveTCPAddr("tcp", source)
		}
	}
	conn, err := dialer.Dial(protocol, server)
	if err != nil {
		return "no connection"
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	if protocol == "udp" {
		conn.Write([]byte("?"))
	}
	buffer := make([]byte, 128)
	length, err := conn.Read(buffer)
	if err != nil {
		return "no reply"
	}
	return string(buffer[:length])
}

// expect asks and compares.
func (n *network) expect(ns, protocol, server, source, want string) {
	n.Helper()
	if got := n.ask(ns, protocol, server, source); got != want {
		n.Errorf("%s asks %s %s from %q: %q, want %q", ns, protocol, server, source, got, want)
	}
}

// eventually asks until the reply is that. The deadline only ends a test that hangs.
func (n *network) eventually(ns, protocol, server, want string) {
	n.Helper()
	got := n.ask(ns, protocol, server, "")
	for deadline := time.Now().Add(20 * time.Second); got != want && time.Now().Before(deadline); {
		got = n.ask(ns, protocol, server, "")
	}
	if got != want {
		n.Errorf("%s asks %s %s: %q, want %q", ns, protocol, server, got, want)
	}
}

// configuration returns what the runtime gives the plugin for a pod.
func (n *network) configuration(p pod, mappings string) string {
	n.Helper()
	links := []map[string]string{{"name": n.link}, {"name": "veth" + p.name}, {"name": "eth0", "sandbox": "/run/netns/x", "mac": p.mac}}
	var ips []map[string]any
	for _, address := range p.addresses {
		ips = append(ips, map[string]any{"address": address, "interface": 2})
	}
	conf := map[string]any{
		"cniVersion": "1.0.0", "name": "net", "type": "portmap",
		"runtimeConfig": map[string]any{"portMappings": json.RawMessage(mappings)},
		"prevResult":    map[string]any{"cniVersion": "1.0.0", "interfaces": links, "ips": ips},
	}
	for key, value := range n.keys {
		conf[key] = value
	}
	text, err := json.Marshal(conf)
	if err != nil {
		n.Fatal(err)
	}
	return string(text)
}

// call carries out a command of the plugin on the host.
func (n *network) call(command, container, conf string) (status int, out string) {
	n.Helper()
	plugin := New(environment(command, container))
	n.inside("host", func() {
		var b bytes.Buffer
		status = plugin.Command(strings.NewReader(conf), &b)
		out = strings.TrimSpace(b.String())
	})
	return status, out
}

func environment(command, container string) func(string) string {
	values := map[string]string{"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": "eth0"}
	return func(name string) string { return values[name] }
}

func (n *network) must(command, container, conf string) string {
	n.Helper()
	status, out := n.call(command, container, conf)
	if status != 0 {
		n.Fatalf("%s %s: %s", command, container, out)
	}
	return out
}

// rules returns the comments of the rules of pods.
func (n *network) rules() (comments []string) {
	n.Helper()
	n.inside("host", func() {
		list, err := listRules()
		if err != nil {
			n.Error(err)
		}
		for _, r := range list {
			if !isEntering(r) {
				comments = append(comments, r.comment)
			}
		}
	})
	return comments
}
