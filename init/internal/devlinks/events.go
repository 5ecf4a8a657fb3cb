package devlinks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
)

// subscribe calls changed with the name of each block device that the kernel reports, or with "" when it has lost some
// of its events.
func subscribe(changed func(name string)) error {
	socket, err := blockdev.OpenSocket()
	if err != nil {
		return err
	}
	go func() {
		buffer := make([]byte, 8192)
		for {
			n, err := socket.Read(buffer)
			switch {
			case errors.Is(err, unix.ENOBUFS):
				changed("")
			case err != nil:
				return
			default:
				if name := blockName(buffer[:n]); name != "" {
					changed(name)
				}
			}
		}
	}()
	return nil
}

// blockName returns the kernel's name of the block device that an event is about, or "" for any other event.
func blockName(event []byte) string {
	if !bytes.Contains(event, []byte("\x00SUBSYSTEM=block\x00")) {
		return ""
	}
	head, _, _ := strings.Cut(string(event), "\x00")
	return head[strings.LastIndexByte(head, '/')+1:]
}

// watcher reports devices that a program had open for writing and has closed, as udev's does: the kernel sends no event
// for a file system that somebody makes.
type watcher struct {
	fd    int // of file, which Fd would make blocking
	file  *os.File
	names map[int32]string
	marks map[string]int32
}

func watch() (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &watcher{fd, os.NewFile(uintptr(fd), "inotify"), map[int32]string{}, map[string]int32{}}, nil
}

// follow watches exactly these devices. One that cannot be watched keeps its links until its next uevent.
func (w *watcher) follow(devices []*Device) {
	present := make(map[string]bool, len(devices))
	for _, device := range devices {
		present[device.Name] = true
		if _, watched := w.marks[device.Name]; watched {
			continue
		}
		mark, err := unix.InotifyAddWatch(w.fd, blockdev.Path(device.Name), unix.IN_CLOSE_WRITE)
		if err == nil {
			w.names[int32(mark)], w.marks[device.Name] = device.Name, int32(mark)
		}
	}
	for name, mark := range w.marks {
		if !present[name] {
			delete(w.marks, name)
			delete(w.names, mark)
			unix.InotifyRmWatch(w.fd, uint32(mark)) // fails for a node that is gone, and its mark with it
		}
	}
}

// report calls changed with the watch of each device that was written to, or with 0 when some of them were lost.
func (w *watcher) report(changed func(mark int32)) {
	buffer := make([]byte, 4096)
	for {
		n, err := w.file.Read(buffer)
		if err != nil {
			return
		}
		// Events of devices have no name, so each has the size of its header.
		for event := buffer[:n]; len(event) >= unix.SizeofInotifyEvent; event = event[unix.SizeofInotifyEvent:] {
			if mark := int32(binary.NativeEndian.Uint32(event)); mark > 0 {
				changed(mark)
			} else {
				changed(0)
			}
		}
	}
}
