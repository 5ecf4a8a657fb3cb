package mountcmd

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// nfsVersions are tried in this order (nfs(5), nfsvers).
var nfsVersions = []string{"4.2", "4.1", "4.0", "3"}

// nfsUnlike are the errors after which a server may still have an older version, as in mount.nfs(8): one that exports
// another tree by NFS 4 has no such path, and one that has NFS 3 alone may not listen where NFS 4 does.
var nfsUnlike = []error{unix.EPROTONOSUPPORT, unix.EINVAL, unix.ENOENT, unix.EPERM, unix.ECONNREFUSED}

// nfsPeers holds the addresses of a server and of this node on the way to it.
type nfsPeers struct{ server, client string }

// attachNFS mounts NFS as mount.nfs(8) does. The kernel resolves no names and chooses no version, so it gets both.
func attachNFS(r request, dial func(network, host string) (nfsPeers, error), mount func(data string) error) error {
	host, err := nfsHost(r.source)
	if err != nil {
		return err
	}
	words, err := splitOptions(r.opts.Data)
	if err != nil {
		return err
	}
	options := nfsOptionsOf(words)
	peers, err := dial(options.network(), host)
	if err != nil {
		return err
	}
	var failures []string
	for _, version := range options.versions(r.fsType) {
		err := mount(strings.Join(append(slices.Clip(words), options.addition(version, peers)), ","))
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Sprintf("version %s: %v%s", version, err, options.hint(version)))
		if !slices.ContainsFunc(nfsUnlike, func(unlike error) bool { return errors.Is(err, unlike) }) {
			break
		}
	}
	return errors.New(strings.Join(failures, "; "))
}

// nfsHost returns the server of SERVER:/PATH, where an address of IPv6 stands in brackets.
func nfsHost(source string) (string, error) {
	rest, bracketed := strings.CutPrefix(source, "[")
	end := ":"
	if bracketed {
		end = "]:"
	}
	host, _, ok := strings.Cut(rest, end)
	if !ok || host == "" {
		return "", fmt.Errorf("%q is not SERVER:/PATH", source)
	}
	return host, nil
}

// nfsOptions holds the options of nfs(5) that decide how to mount, by name.
type nfsOptions map[string]string

func nfsOptionsOf(words []string) nfsOptions {
	options := nfsOptions{}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		if version, ok := strings.CutPrefix(word, "v"); ok && slices.Contains([]string{"3", "4", "4.0", "4.1", "4.2"}, version) {
			name, value = "vers", version
		} else if name == "nfsvers" {
			name = "vers"
		}
		options[name] = value
	}
	return options
}

func (o nfsOptions) versions(fsType string) []string {
	version, minor := o["vers"], o["minorversion"]
	switch {
	case minor != "":
		return []string{"4." + minor}
	case version == "4", version == "" && fsType == "nfs4":
		return nfsVersions[:len(nfsVersions)-1]
	case version == "":
		return nfsVersions
	}
	return []string{version}
}

// network returns the kind of connection whose addresses fit the option proto: tcp is IPv4 alone, tcp6 IPv6.
func (o nfsOptions) network() string {
	switch proto := o["proto"]; {
	case proto == "":
		return "udp"
	case strings.HasSuffix(proto, "6"):
		return "udp6"
	}
	return "udp4"
}

func (o nfsOptions) addition(version string, peers nfsPeers) string {
	data := "vers=" + version + ",addr=" + peers.server
	if o["clientaddr"] == "" {
		data += ",clientaddr=" + peers.client
	}
	return data
}

func (o nfsOptions) hint(version string) string {
	if _, local := o["nolock"]; version != "3" || local {
		return ""
	}
	return " (NFS 3 without the option nolock needs rpcbind and rpc.statd on the node)"
}

// dialNFS resolves a server's name and returns the first address with a route. It sends nothing to the server.
func dialNFS(network, host string) (nfsPeers, error) {
	conn, err := net.Dial(network, net.JoinHostPort(host, "2049"))
	if err != nil {
		return nfsPeers{}, err
	}
	defer conn.Close()
	return nfsPeers{addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())}, nil
}

func addressOf(end net.Addr) string {
	host, _, _ := net.SplitHostPort(end.String())
	return host
}
