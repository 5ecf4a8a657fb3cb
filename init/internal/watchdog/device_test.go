package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
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
	broken        error
}

func (f *fakePort) info() (uint32, string, error) { return f.options, "fake", f.broken }
func (f *fakePort) bootStatus() (int, error)      { return f.status, nil }
func (f *fakePort) timeout() (int, error)         { return f.seconds, nil }
func (f *fakePort) feed() error                   { f.feeds.Add(1); return nil }
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
	for name, run := range map[string]func(*Device){
		"end":   func(d *Device) { end := d.KeepFed(time.Hour); time.Sleep(50 * time.Millisecond); end(); end() },
		"limit": func(d *Device) { d.KeepFed(50 * time.Millisecond) },
	} {
		port := &fakePort{}
		d := &Device{port: port, Timeout: 20 * time.Millisecond}
		run(d)
		time.Sleep(100 * time.Millisecond)
		fed := port.feeds.Load()
		time.Sleep(50 * time.Millisecond)
		if later := port.feeds.Load(); fed < 2 || later != fed {
			t.Errorf("%s: fed %d times, and %d times later", name, fed, later)
		}
	}
}
