package consoles

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Open returns a writer for each console. It touches no device: the first write opens it.
func Open(devices []Device, status func() string) []io.Writer {
	writers := make([]io.Writer, len(devices))
	for i, d := range devices {
		p := &port{path: filepath.Join("/dev", d.Name), baud: d.Baud}
		writers[i] = p
		if d.Screen {
			writers[i] = newScreen(p, status)
		}
	}
	return writers
}

// port writes to a terminal.
type port struct {
	path string
	baud uint32
	file *os.File
}

// Write opens the terminal again after an error: when root in a pod hangs it up, an open file fails for good.
func (p *port) Write(line []byte) (int, error) {
	var n int
	err := os.ErrClosed
	for attempt := 0; attempt < 2 && err != nil; attempt++ {
		if p.file == nil {
			if p.file, err = openTerminal(p.path, p.baud); err != nil {
				return 0, err
			}
		}
		if n, err = p.file.Write(line); err != nil {
			p.file.Close()
			p.file = nil
		}
	}
	return n, err
}

// openTerminal never waits for a carrier. A terminal that cannot be set is used as it is.
func openTerminal(path string, baud uint32) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	connection, err := file.SyscallConn()
	if err == nil {
		connection.Control(func(fd uintptr) { setTerminal(int(fd), baud) })
	}
	return file, nil
}

// setTerminal sets the rate and stops the echo, which could go back and forth between two machines for ever.
func setTerminal(fd int, baud uint32) {
	settings, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return
	}
	settings.Lflag &^= unix.ECHO
	if baud != 0 {
		settings.Cflag = settings.Cflag&^(unix.CBAUD|unix.CBAUD<<unix.IBSHIFT) | unix.BOTHER
		settings.Ispeed, settings.Ospeed = baud, baud // without an input rate of its own, it is the output's
	}
	unix.IoctlSetTermios(fd, unix.TCSETS2, settings)
}
