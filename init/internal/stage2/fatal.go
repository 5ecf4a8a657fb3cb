package stage2

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/fault"
)

// rebootAfter leaves time to read the one line that says why.
const rebootAfter = 10 * time.Second

// Fatal tells why the node cannot run pods and reboots. log is nil before there is one.
func Fatal(log *eventlog.Log, err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(fault.Panic, "start the node", "report this with the console's output", err)
	}
	fields := []any{"code", f.Code, "cause", f.Error(), "remedy", f.Remedy, "rebootSeconds", int(rebootAfter.Seconds())}
	if log != nil {
		log.Error("fatal", fields...)
		log.Flush(time.Second)
	} else {
		openConsole().Write(eventlog.Format(time.Now(), clock.Seconds(clock.Uptime()), "error", "fatal", fields...))
	}
	time.Sleep(rebootAfter)
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	os.Exit(1) // the kernel panics when pid 1 ends, and reboots on that
}

// openConsole answers the console, or standard error (which the kernel opened on it) where /dev is not there yet.
func openConsole() *os.File {
	file, err := os.OpenFile("/dev/console", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return os.Stderr
	}
	return file
}
