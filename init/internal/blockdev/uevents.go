package blockdev

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Uevents is the kernel's stream of device events.
type Uevents struct {
	// C has a value when any device has changed since the last receive. The reader examines all devices again, so lost
	// or forged events do no harm.
	C      <-chan struct{}
	socket *os.File
}

// OpenSocket subscribes to the kernel's device events; each read returns one.
func OpenSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "uevents"), nil
}

// OpenUevents subscribes to device events. Call it before the first Disks, so that no device is missed in between.
func OpenUevents() (*Uevents, error) {
	socket, err := OpenSocket()
	if err != nil {
		return nil, err
	}
	happened := make(chan struct{}, 1)
	u := &Uevents{happened, socket}
	go func() {
		buffer := make([]byte, 8192)
		for {
			if _, err := u.socket.Read(buffer); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case happened <- struct{}{}:
			default:
			}
		}
	}()
	return u, nil
}

// Close ends the subscription.
func (u *Uevents) Close() { u.socket.Close() }
