// Package hostapi is the host's side of docs/host-api.md section 1: the control sockets and the console socket.
package hostapi

import "slices"

// Command is one command of a client.
type Command byte

// The commands; their values are the bytes on the wire.
const (
	SoftShutdown Command = iota + 1
	ContinueShutdown
	RestartKubelet
	RestartRuntime
	PowerOff
	Reboot
	CallOffShutdown
)

// Events for the clients of the system socket: a soft shutdown begins, or a shutdown was called off.
const (
	EventShutdown  = 0x01
	EventCalledOff = 0x02
)

var names = map[Command]string{
	SoftShutdown: "soft-shutdown", ContinueShutdown: "continue-shutdown",
	RestartKubelet: "restart-kubelet", RestartRuntime: "restart-runtime",
	PowerOff: "power-off", Reboot: "reboot", CallOffShutdown: "call-off-shutdown",
}

func (c Command) String() string { return names[c] }

// Socket is a control socket with the commands it grants.
type Socket struct {
	Name   string
	Path   string // below /run
	Grants []Command
	Events bool // whether its clients receive events
}

// Sockets lists every control socket.
var Sockets = []Socket{
	{"system", "system.sock", []Command{SoftShutdown, ContinueShutdown, RestartKubelet, RestartRuntime, PowerOff, Reboot, CallOffShutdown}, true},
	{"restart-kubelet", "kios/control/restart-kubelet.sock", []Command{RestartKubelet}, false},
	{"restart-runtime", "kios/control/restart-runtime.sock", []Command{RestartRuntime}, false},
	{"shutdown", "kios/control/shutdown.sock", []Command{SoftShutdown, ContinueShutdown, PowerOff, Reboot, CallOffShutdown}, false},
}

// Interpret splits a client's bytes into the commands that the socket grants and the bytes that it refuses.
func (s Socket) Interpret(bytes []byte) (commands []Command, refused []byte) {
	for _, b := range bytes {
		if slices.Contains(s.Grants, Command(b)) {
			commands = append(commands, Command(b))
		} else {
			refused = append(refused, b)
		}
	}
	return commands, refused
}
