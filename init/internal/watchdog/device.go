// Package watchdog arms the machine's watchdog, asks the node's programs whether they work, and decides which of them
// to restart and when to leave the machine to its watchdog.
package watchdog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Node is the device of the first watchdog, by the number that it has on every machine.
	Node = "/dev/watchdog"
	// longest is the time-out that is asked for, in seconds. A machine that stalls under load has that long to go on.
	longest = 120
	// Interval is the time between two looks at the node's programs, and the longest between two feedings.
	Interval = 10 * time.Second
)

// port is what Device needs of a watchdog's driver.
type port interface {
	info() (options uint32, identity string, err error)
	bootStatus() (int, error)
	setTimeout(seconds int) error
	timeout() (int, error)
	feed() error
	// stop disarms the watchdog and lets go of it.
	stop() error
}

// Device is an armed watchdog. The methods of a nil Device do nothing, so a machine without one needs no other code.
type Device struct {
	Identity string
	// BootStatus has the bits of WDIOC_GETBOOTSTATUS: why the machine started, as far as the driver can tell.
	BootStatus int
	Timeout    time.Duration

	mu   sync.Mutex
	port port // nil once disarmed
}

// Open arms the watchdog at path. It returns nil where the machine has none.
func Open(path string) (*Device, error) {
	p, err := openPort(path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return arm(p)
}

// arm asks for the longest useful time-out. A driver may know only shorter ones, or refuse every change: what counts is
// the time-out that it says it has.
func arm(p port) (*Device, error) {
	d := &Device{port: p}
	options, identity, err := p.info()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the watchdog what it is: %w", err), p.stop())
	}
	d.Identity = identity
	d.BootStatus, _ = p.bootStatus() // a driver that cannot tell
	for seconds := longest; options&unix.WDIOF_SETTIMEOUT != 0 && seconds > 1; seconds /= 2 {
		if err := p.setTimeout(seconds); !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	seconds, err := p.timeout()
	if err == nil && seconds <= 0 {
		err = fmt.Errorf("it has a time-out of %d s", seconds)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the watchdog for its time-out: %w", err), p.stop())
	}
	d.Timeout = time.Duration(seconds) * time.Second
	p.feed() // one that cannot be fed now is armed all the same, and told of by the main loop if it stays so
	return d, nil
}

// tellers are the drivers that know after a reset by their watchdog that it was one: by what they say of themselves in
// the kernel's source, whose other drivers leave the status 0.
var tellers = []string{"i6300ESB timer", "SP5100 TCO timer", "SBSA Generic Watchdog"}

// IsSilent reports whether the status does not tell of a reset by this watchdog.
func (d *Device) IsSilent() bool { return !slices.Contains(tellers, d.Identity) }

// Every returns the time between two feedings: a quarter of the time-out, so that three may be late.
func (d *Device) Every() time.Duration {
	if d == nil {
		return Interval
	}
	return min(Interval, d.Timeout/4)
}

// Feed postpones the reset by the time-out.
func (d *Device) Feed() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.port == nil {
		return nil
	}
	return d.port.feed()
}

// KeepFed feeds the watchdog in the background until end is called, but at most for limit: what takes longer hangs, and
// the machine is reset.
func (d *Device) KeepFed(limit time.Duration) (end func()) {
	stop := make(chan struct{})
	if d != nil {
		go d.keepFed(limit, stop)
	}
	return sync.OnceFunc(func() { close(stop) })
}

func (d *Device) keepFed(limit time.Duration, stop <-chan struct{}) {
	ticks := time.NewTicker(d.Every())
	defer ticks.Stop()
	over := time.After(limit)
	for {
		d.Feed() // one that cannot be fed is told of by the main loop
		select {
		case <-ticks.C:
		case <-over:
			return
		case <-stop:
			return
		}
	}
}

// Disarm stops the watchdog for good: nothing resets the machine any more.
func (d *Device) Disarm() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.port == nil {
		return nil
	}
	p := d.port
	d.port = nil
	return p.stop()
}

// driver is the port of a real device.
type driver int

func openPort(path string) (driver, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	return driver(fd), err
}

func (fd driver) info() (uint32, string, error) {
	info, err := unix.IoctlGetWatchdogInfo(int(fd))
	if err != nil {
		return 0, "", err
	}
	name, _, _ := bytes.Cut(info.Identity[:], []byte{0})
	return info.Options, string(name), nil
}

func (fd driver) bootStatus() (int, error) {
	return unix.IoctlGetInt(int(fd), unix.WDIOC_GETBOOTSTATUS)
}
func (fd driver) timeout() (int, error) { return unix.IoctlGetInt(int(fd), unix.WDIOC_GETTIMEOUT) }
func (fd driver) setTimeout(seconds int) error {
	return unix.IoctlSetPointerInt(int(fd), unix.WDIOC_SETTIMEOUT, seconds)
}

// feed writes any byte but the letter of stop: each driver takes that, and not each takes WDIOC_KEEPALIVE.
// Source: Documentation/watchdog/watchdog-api.rst.
func (fd driver) feed() error {
	_, err := unix.Write(int(fd), []byte{0})
	return err
}

// stop writes the letter after which closing the device also stops the watchdog.
func (fd driver) stop() error {
	_, err := unix.Write(int(fd), []byte("V"))
	return errors.Join(err, unix.Close(int(fd)))
}
