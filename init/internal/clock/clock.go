// Package clock reads the boot clock and keeps the wall clock from being earlier than the image's build time.
package clock

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Uptime returns CLOCK_BOOTTIME, the time since the kernel started including suspends.
func Uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Seconds returns d in seconds, rounded to milliseconds, as logs and state files show it.
func Seconds(d time.Duration) float64 {
	return math.Round(d.Seconds()*1000) / 1000
}

// Floor has the wall clock set to min when it is earlier, and reports whether it did. A board without a battery starts
// in 1970, when no certificate is valid.
func Floor(min time.Time, set func(time.Time) error) (bool, error) {
	if !time.Now().Before(min) {
		return false, nil
	}
	return true, set(min)
}

// Bound has the wall clock set to the image's build time when it cannot be right: earlier, or limit years or more after
// it. A broken battery may start a machine in 2100, when no certificate is valid any more.
func Bound(build time.Time, set func(time.Time) error) (bool, error) {
	if build.IsZero() {
		return false, nil
	}
	if time.Now().Before(build.AddDate(limit, 0, 0)) {
		return Floor(build, set)
	}
	return true, set(build)
}

// Set sets the wall clock.
func Set(to time.Time) error {
	ts := unix.NsecToTimespec(to.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}
