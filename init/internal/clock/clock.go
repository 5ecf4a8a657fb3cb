// Package clock reads the boot clock and keeps the wall clock from lying before the image was built.
package clock

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Uptime is CLOCK_BOOTTIME: time since the kernel started, suspends included.
func Uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Seconds is a duration in seconds with milliseconds, as it is written in logs and state files.
func Seconds(d time.Duration) float64 {
	return math.Round(d.Seconds()*1000) / 1000
}

// Floor sets the wall clock to min when it is before it, and tells whether it did. A board without a battery starts in 1970,
// where no certificate is valid.
func Floor(min time.Time) (bool, error) {
	if !time.Now().Before(min) {
		return false, nil
	}
	ts := unix.NsecToTimespec(min.UnixNano())
	return true, unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}
