// Package volatile notices what pods put into folders of the host that are in RAM, and which of them they can write to.
package volatile

import (
	"bytes"
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// pace bounds how often a stream of new names is read.
const pace = 100 * time.Millisecond

// limit bounds the names in memory. A folder that gets more is a pod's data, of which the first names say enough.
const limit = 256

// Watch passes each new folder in one of the folders to report, once. Kubelet and containerd make the folders
// of a hostPath volume before the pod starts. Watch returns when no folder can be watched. Source: inotify(7).
func Watch(folders []string, report func(path string)) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	notices := os.NewFile(uintptr(fd), "inotify")
	defer notices.Close()
	watched := map[int32]string{}
	for _, folder := range folders {
		id, err := unix.InotifyAddWatch(fd, folder, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
		if err != nil {
			return err
		}
		watched[int32(id)] = folder
	}
	told := map[string]bool{}
	buffer := make([]byte, 4096)
	for {
		n, err := notices.Read(buffer)
		if err != nil {
			return err
		}
		for _, path := range created(buffer[:n], watched) {
			if len(told) < limit && !told[path] {
				told[path] = true
				report(path)
			}
		}
		time.Sleep(pace)
	}
}

// created returns the paths of the folders that notices name.
func created(notices []byte, watched map[int32]string) []string {
	const header = unix.SizeofInotifyEvent
	var paths []string
	for len(notices) >= header {
		id, mask, length := int32(native.Uint32(notices)), native.Uint32(notices[4:]), int(native.Uint32(notices[12:]))
		end := min(header+length, len(notices))
		name, _, _ := bytes.Cut(notices[header:end], []byte{0})
		if folder, ok := watched[id]; ok && mask&unix.IN_ISDIR != 0 && len(name) > 0 {
			paths = append(paths, folder+"/"+string(name))
		}
		notices = notices[end:]
	}
	return paths
}
