package staticpods

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// resync is the interval at which From is read without a notice. Kubelet reads its own folder as often
// (fileCheckFrequency).
const resync = 20 * time.Second

// settle is the least time between two rounds, so that a program that changes the folder without end does not keep init
// busy all the time.
const settle = 100 * time.Millisecond

const changes = unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ONLYDIR

// Follow syncs now, at each change of From and every 20 s, and passes the outcome of each round to report. It never
// returns.
func (f Folder) Follow(report func(error)) {
	for {
		// Watched before it is read, so that no change is missed. A missing folder is watched in a later round.
		notices := f.watch()
		report(f.Sync())
		if notices == nil {
			time.Sleep(resync)
			continue
		}
		f.followNotices(notices, report)
		notices.Close()
	}
}

// followNotices returns when the watch is lost: its folder was removed or replaced.
func (f Folder) followNotices(notices *os.File, report func(error)) {
	buffer := make([]byte, 4096)
	for {
		notices.SetReadDeadline(time.Now().Add(resync))
		n, err := notices.Read(buffer)
		if err != nil && !os.IsTimeout(err) || lost(buffer[:max(n, 0)]) {
			return
		}
		report(f.Sync())
		time.Sleep(settle)
	}
}

// watch returns nil when the folder cannot be watched.
func (f Folder) watch() *os.File {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	if _, err := unix.InotifyAddWatch(fd, f.From, changes); err != nil {
		unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), "inotify")
}

// lost reports whether notices contain IN_IGNORED, with which the kernel ends a watch. Layout: inotify(7).
func lost(notices []byte) bool {
	const header = unix.SizeofInotifyEvent
	for len(notices) >= header {
		mask := uint32(notices[4]) | uint32(notices[5])<<8 | uint32(notices[6])<<16 | uint32(notices[7])<<24
		length := int(notices[12]) | int(notices[13])<<8
		if mask&unix.IN_IGNORED != 0 {
			return true
		}
		notices = notices[min(header+length, len(notices)):]
	}
	return false
}
