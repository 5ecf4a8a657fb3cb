package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// fakePort is a driver that knows time-outs up to `most`, or refuses every change.
type fakePort struct {
	options       uint32
	seconds, most int
	refuses       error
	status        int
	feeds         atomic.Int64
	stops         int
	broken, unfed error
}

func (f *fakePort) info() (uint32, string, error) { return f.options, "fake", f.broken }
func (f *fakePort) bootStatus() (int, error)      { return f.status, nil }
func (f *fakePort) timeout() (int, error)         { return f.seconds, nil }
func (f *fakePort) feed() error                   { f.feeds.Add(1); return f.unfed }
func (f *fakePort) stop() error                   { f.stops++; return nil }
func (f *fakePort) setTimeout(seconds int) error {
	if f.refuses != nil {
		return f.refuses
	}
	if seconds > f.most {
		return unix.EINVAL
	}
	f.seconds = seconds
	return nil
}

const settable = unix.WDIOF_SETTIMEOUT | unix.WDIOF_MAGICCLOSE

func TestTheLongestUsefulTimeoutThatTheDriverTakes(t *testing.T) {
	for _, c := range []struct {
		name    string
		port    *fakePort
		timeout time.Duration
		every   time.Duration
	}{
		{"any", &fakePort{options: settable, seconds: 30, most: 2046}, 120 * time.Second, 10 * time.Second},
		{"up to 15 s", &fakePort{options: settable, seconds: 5, most: 15}, 15 * time.Second, 3750 * time.Millisecond},
		{"none, and it says so", &fakePort{options: unix.WDIOF_MAGICCLOSE, seconds: 20, most: 99}, 20 * time.Second, 5 * time.Second},
		{"none, and it refuses", &fakePort{options: settable, seconds: 600, refuses: unix.EOPNOTSUPP}, 600 * time.Second, 10 * time.Second},
		{"none of those asked for", &fakePort{options: settable, seconds: 613, refuses: unix.EINVAL}, 613 * time.Second, 10 * time.Second},
	} {
		d, err := arm(c.port)
		if err != nil || d.Timeout != c.timeout || d.Every() != c.every || c.port.feeds.Load() != 1 {
			t.Errorf("%s: %+v, %v, fed %d times", c.name, d, err, c.port.feeds.Load())
		}
	}
}

func TestSomeWatchdogsDoNotSayThatTheyHaveResetTheMachine(t *testing.T) {
	for identity, want := range map[string]bool{
		"i6300ESB timer": false, "SP5100 TCO timer": false, "SBSA Generic Watchdog": false,
		"iTCO_wdt": true, "Broadcom BCM2835 Watchdog timer": true, "": true,
	} {
		if got := (&Device{Identity: identity}).IsSilent(); got != want {
			t.Errorf("%q: %v", identity, got)
		}
	}
}

func TestADeviceThatIsNoWatchdogIsLeftDisarmed(t *testing.T) {
	for name, port := range map[string]*fakePort{
		"it cannot say what it is": {broken: unix.ENOTTY, seconds: 30},
		"it has no time-out":       {options: settable, refuses: unix.EIO},
	} {
		if d, err := arm(port); err == nil || d != nil || port.stops != 1 {
			t.Errorf("%s: %v, %v, stopped %d times", name, d, err, port.stops)
		}
	}
}

func TestAMachineWithoutAWatchdogHasNoneAndNoFault(t *testing.T) {
	d, err := Open(filepath.Join(t.TempDir(), "watchdog"))
	if d != nil || err != nil {
		t.Fatal(d, err)
	}
	d.KeepFed(time.Hour)()
	if err := errors.Join(d.Feed(), d.Disarm()); err != nil || d.Every() != Interval {
		t.Error(err, d.Every())
	}
}

func TestAFileInTheDevicesPlaceIsAFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(path); d != nil || !errors.Is(err, unix.ENOTTY) {
		t.Error(d, err)
	}
}

func TestAnArmedWatchdogIsKeptThoughItsFirstFeedFails(t *testing.T) {
	port := &fakePort{options: settable, most: 60, unfed: unix.EIO}
	d, err := arm(port)
	if d == nil || err != nil || port.stops != 0 {
		t.Fatal(d, err, port.stops)
	}
	if err := d.Feed(); !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
}

func TestADriverIsFedAByteThatDoesNotStopIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := openPort(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(port.feed(), port.stop()); err != nil {
		t.Error(err)
	}
	if said, err := os.ReadFile(path); err != nil || string(said) != "\x00V" {
		t.Errorf("%q, %v", said, err)
	}
}

func TestADisarmedWatchdogIsNotTouchedAgain(t *testing.T) {
	port := &fakePort{options: settable, most: 60}
	d, err := arm(port)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Disarm(), d.Disarm(), d.Feed()); err != nil {
		t.Error(err)
	}
	if port.stops != 1 || port.feeds.Load() != 1 {
		t.Errorf("stopped %d times, fed %d times", port.stops, port.feeds.Load())
	}
}

func TestItIsKeptFedUntilTheEndOrTheLimit(t *testing.T) {
	const limit = 52 * time.Second
	for name, run := range map[string]func(*Device){
		"end":   func(d *Device) { end := d.KeepFed(time.Hour); time.Sleep(limit); end(); end() },
		"limit": func(d *Device) { d.KeepFed(limit); time.Sleep(limit) },
	} {
		synctest.Test(t, func(t *testing.T) {
			port := &fakePort{}
			run(&Device{port: port, Timeout: 20 * time.Second})
			time.Sleep(2 * time.Hour)
			if fed := port.feeds.Load(); fed != 11 { // at once, and every five seconds
				t.Errorf("%s: fed %d times", name, fed)
			}
		})
	}
}
