package lanplugin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/cni"
)

// How long the agent may take: for what it knows, and for a lease, whose address it probes for.
const (
	askTime   = 5 * time.Second
	leaseTime = 45 * time.Second
	maxReply  = 64 << 10
)

// Attachment is one interface of one pod.
type Attachment struct {
	Network   string `json:"network"`
	Container string `json:"container"`
	Interface string `json:"interface"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	MAC       string `json:"mac,omitempty"`
	Port      string `json:"port,omitempty"`
}

// ownInterface is what the runtime names the interface of a pod's own network.
const ownInterface = "eth0"

// isAttached says that the pod has a network of its own beside this one.
func (a Attachment) isAttached() bool { return a.Interface != ownInterface }

// Request is one line to the agent, on a connection of its own.
type Request struct {
	V          int          `json:"v"`
	Command    string       `json:"command"`
	Bridge     string       `json:"bridge,omitempty"`
	Network    string       `json:"network,omitempty"`
	Attachment *Attachment  `json:"attachment,omitempty"`
	Valid      *[]cni.Valid `json:"valid,omitempty"`
}

// Route is a route of a lease. Without Via it leads to the segment itself.
type Route struct {
	To  string `json:"to"`
	Via string `json:"via,omitempty"`
}

// Reply is the agent's line to a request.
type Reply struct {
	V        int      `json:"v"`
	Error    *Refusal `json:"error,omitempty"`
	MAC      string   `json:"mac,omitempty"`
	AcceptRA *int     `json:"acceptRa,omitempty"`
	Address  string   `json:"address,omitempty"`
	Host     string   `json:"host,omitempty"` // the host's address on the segment
	Routes   []Route  `json:"routes,omitempty"`
	DNS      []string `json:"dns,omitempty"`
	Search   []string `json:"search,omitempty"`
}

// Refusal is the agent's error, with a code of docs/errors.md.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// errAbsent says that no agent listens.
var errAbsent = errors.New("the DHCP agent does not serve pods now")

// ask sends a request and waits for the reply.
func (p *Plugin) ask(r Request, patience time.Duration) (Reply, error) {
	r.V = 1
	reply, err := exchange(p.Socket, r, patience)
	if errors.Is(err, errAbsent) {
		return reply, cni.Fail(cni.CodeLater, err)
	}
	if err != nil {
		return reply, cni.Fail(cni.CodeLater, fmt.Errorf("ask the DHCP agent: %w", err))
	}
	if reply.Error != nil {
		return reply, cni.Fail(cni.CodeRefused, fmt.Errorf("%s [%s]", reply.Error.Message, reply.Error.Code))
	}
	return reply, nil
}

func exchange(socket string, r Request, patience time.Duration) (reply Reply, err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return reply, err
	}
	conn, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		return reply, fmt.Errorf("%w: %w", errAbsent, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return reply, err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return reply, err
	}
	text, err := bufio.NewReader(io.LimitReader(conn, maxReply)).ReadBytes('\n')
	if err != nil {
		return reply, fmt.Errorf("it ended without a reply: %w", err)
	}
	return reply, json.NewDecoder(bytes.NewReader(text)).Decode(&reply)
}

// release gives an address back. A pod must be able to go while the agent is away, so that gets a note then.
func (p *Plugin) release(a Attachment) error {
	_, err := exchange(p.Socket, Request{V: 1, Command: "delete", Attachment: &a}, askTime)
	if err == nil {
		return nil // a refusal means that the agent knows of no lease
	}
	if err := os.MkdirAll(p.Notes, 0o700); err != nil {
		return err
	}
	return atomicfile.WriteJSON(filepath.Join(p.Notes, filepath.Base(a.Container)+"."+filepath.Base(a.Interface)+".json"), a)
}
