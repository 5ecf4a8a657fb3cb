package stage2

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostlogs"
	"kios.dev/init/internal/mounts"
)

const (
	// rebootAfter leaves time to read the line that says why.
	rebootAfter = 10 * time.Second
	// syncLimit bounds the wait for disks, of which one may be why the node cannot run.
	syncLimit = 5 * time.Second
)

// Fatal reports why the node cannot run pods, and reboots. log is nil before it is open.
func Fatal(log *eventlog.Log, err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(fault.Panic, "start the node", "Report this with the console's output.", err)
	}
	fields := []any{"code", f.Code, "cause", f.Error(), "remedy", f.Remedy, "rebootSeconds", int(rebootAfter.Seconds())}
	if log != nil {
		log.Error("fatal", fields...)
		log.Flush(time.Second)
	} else {
		mounts.ForConsoles()
		early := openConsoles()
		early.Put(eventlog.Format(time.Now(), clock.Seconds(clock.Uptime()), "error", "fatal", fields...))
		early.Flush(time.Second)
	}
	keepFatal(log)
	atMost(syncLimit, unix.Sync)
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	os.Exit(1) // the kernel panics when process 1 ends, and then reboots
}

// keepFatal keeps the logs of a boot that failed, and returns when the line that says why could be read.
func keepFatal(log *eventlog.Log) {
	late := time.After(rebootAfter)
	if log != nil {
		go log.FollowKernel(kernelLog)
		time.AfterFunc(rebootAfter/2, func() { log.Settle(hostlogs.Fatal) })
	}
	<-late
}
