package mountcmd

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nfsServer is a network with one server. It records what the kernel is asked for.
type nfsServer struct {
	refuses map[string]error
	dialled string
	tried   []string
}

func (s *nfsServer) dial(network, host string) (nfsPeers, error) {
	s.dialled = network + " " + host
	if host == "missing" {
		return nfsPeers{}, errors.New("no such host")
	}
	return nfsPeers{server: "192.0.2.1", client: "192.0.2.9"}, nil
}

func (s *nfsServer) mount(data string) error {
	s.tried = append(s.tried, data)
	for version, err := range s.refuses {
		if strings.Contains(data+",", "vers="+version+",addr") {
			return err
		}
	}
	return nil
}

func (s *nfsServer) attach(t *testing.T, line string) error {
	t.Helper()
	r, err := parseMount(append(strings.Fields(line), "/b"))
	if err != nil {
		t.Fatal(err)
	}
	return attachNFS(r, s.dial, s.mount)
}

func TestNFSIsMountedWithTheAddressesThatTheKernelNeeds(t *testing.T) {
	const rest = ",addr=192.0.2.1,clientaddr=192.0.2.9"
	for _, c := range []struct{ line, dialled, data string }{
		{"-t nfs nas.example:/a", "udp nas.example", "vers=4.2" + rest},
		{"-t nfs4 -o hard nas:/a:b", "udp nas", "hard,vers=4.2" + rest},
		{"-t nfs -o proto=tcp,ro [2001:db8::1]:/", "udp4 2001:db8::1", "proto=tcp,vers=4.2" + rest},
		{"-t nfs -o proto=tcp6 nas:/", "udp6 nas", "proto=tcp6,vers=4.2" + rest},
		{"-t nfs -o nfsvers=3,nolock nas:/a", "udp nas", "nfsvers=3,nolock,vers=3" + rest},
		{"-t nfs -o v4.1 nas:/a", "udp nas", "v4.1,vers=4.1" + rest},
		{"-t nfs -o vers=4,minorversion=1 nas:/a", "udp nas", "vers=4,minorversion=1,vers=4.1" + rest},
		{"-t nfs -o vers=4 nas:/a", "udp nas", "vers=4,vers=4.2" + rest},
		{"-t nfs -o clientaddr=192.0.2.7 nas:/a", "udp nas", "clientaddr=192.0.2.7,vers=4.2,addr=192.0.2.1"},
	} {
		var s nfsServer
		if err := s.attach(t, c.line); err != nil || s.dialled != c.dialled || !slices.Equal(s.tried, []string{c.data}) {
			t.Errorf("%s: %v, reached %q, mounted %q", c.line, err, s.dialled, s.tried)
		}
	}
}

func TestNFSTriesEachVersionThatMayBeMeant(t *testing.T) {
	refused := func(err error, versions ...string) map[string]error {
		all := map[string]error{}
		for _, version := range versions {
			all[version] = err
		}
		return all
	}
	const noLocks = " (NFS 3 without the option nolock needs rpcbind and rpc.statd on the node)"
	for _, c := range []struct {
		line    string
		refuses map[string]error
		tries   int
		failure string
	}{
		{"-t nfs nas:/a", refused(unix.EPROTONOSUPPORT, "4.2"), 2, ""},
		{"-t nfs nas:/a", refused(unix.EINVAL, "4.2", "4.1"), 3, ""},
		{"-t nfs nas:/a", refused(unix.ENOENT, "4.2", "4.1", "4.0"), 4, ""}, // its tree differs between NFS 3 and 4
		{"-t nfs nas:/a", refused(unix.ECONNREFUSED, "4.2", "4.1", "4.0"), 4, ""},
		{"-t nfs nas:/a", refused(unix.EACCES, "4.2"), 1, "version 4.2: permission denied"},
		{"-t nfs -o vers=4 nas:/a", refused(unix.EPROTONOSUPPORT, "4.2", "4.1", "4.0"), 3,
			"version 4.2: protocol not supported; version 4.1: protocol not supported; version 4.0: protocol not supported"},
		{"-t nfs -o v4.1 nas:/a", refused(unix.EINVAL, "4.1"), 1, "version 4.1: invalid argument"},
		{"-t nfs -o vers=3 nas:/a", refused(unix.ECONNREFUSED, "3"), 1, "version 3: connection refused" + noLocks},
		{"-t nfs -o v3,nolock nas:/a", refused(unix.ECONNREFUSED, "3"), 1, "version 3: connection refused"},
		{"-t nfs missing:/a", nil, 0, "no such host"},
		{"-t nfs nas", nil, 0, `"nas" is not SERVER:/PATH`},
		{"-t nfs [::1:/a", nil, 0, `"[::1:/a" is not SERVER:/PATH`},
	} {
		s := nfsServer{refuses: c.refuses}
		failure := ""
		if err := s.attach(t, c.line); err != nil {
			failure = err.Error()
		}
		if failure != c.failure || len(s.tried) != c.tries {
			t.Errorf("%s: %q after %q, want %q after %d", c.line, failure, s.tried, c.failure, c.tries)
		}
	}
}

func TestTheAddressesOfAServerAreThoseOfTheWayToIt(t *testing.T) {
	if got, err := dialNFS("udp", "127.0.0.1"); err != nil || got != (nfsPeers{"127.0.0.1", "127.0.0.1"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := dialNFS("udp6", "127.0.0.1"); err == nil {
		t.Errorf("an address of the other family: %+v", got)
	}
	if got := addressOf(&net.UDPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 2049}); got != "fe80::1%eth0" {
		t.Error(got)
	}
}
