package stage2

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/reserve"
)

// dropIn is the file, among kubelet's drop-ins, that says what this machine keeps back from pods, and which images of
// its medium every pod may use.
const (
	dropIns = kubelet.Dir + "/kubelet.conf.d"
	dropIn  = "05-machine.conf"
)

// writeReservations gives kubelet the reservations of this machine. When they cannot be written, kubelet runs with the
// last ones, or without.
func (h *host) writeReservations() {
	machine, err := measureMachine()
	machine.InRAM = h.data == "ram"
	if err == nil {
		err = updateFile(dropIns, dropIn, append(reserve.For(machine).Config(), h.allowedImages()...))
	}
	if err != nil {
		h.log.Error("kubelet.reservations", "cause", fault.New(fault.KubeletIn, "write "+dropIns+"/"+dropIn,
			"Free space on the data partition and restart kubelet; until then pods may take what the host needs.", err))
	}
}

// updateFile writes only what has changed, because each write waits for the disk.
func updateFile(dir, name string, content []byte) error {
	if now, err := plainfile.Read(dir, name, int64(len(content))); err == nil && bytes.Equal(now, content) {
		return nil
	}
	return atomicfile.Write(dir+"/"+name, content, 0o644)
}

func measureMachine() (reserve.Machine, error) {
	root, err := fileSystemSize("/")
	if err != nil {
		return reserve.Machine{}, err
	}
	storage, err := fileSystemSize("/var/lib/kubelet")
	if err != nil {
		return reserve.Machine{}, err
	}
	tasks, err := taskLimit("/proc/sys/kernel")
	return reserve.Machine{Memory: memory(), Root: root, Storage: storage, CPUs: uint64(runtime.NumCPU()), Tasks: tasks}, err
}

// stateInRAM returns the bytes that a file system in place of the data partition may have. Without the size of the root
// it is a little too large.
func stateInRAM() uint64 {
	root, _ := fileSystemSize("/")
	return reserve.StateInRAM(memory(), root)
}

func fileSystemSize(path string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("measure %s: %w", path, err)
	}
	return fs.Blocks * uint64(fs.Bsize), nil
}

// taskLimit returns what kubelet takes for the machine's number of process ids.
func taskLimit(settings string) (uint64, error) {
	var least uint64
	for _, name := range []string{"pid_max", "threads-max"} {
		text, err := os.ReadFile(settings + "/" + name)
		if err != nil {
			return 0, err
		}
		limit, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
		if err != nil {
			return 0, err
		}
		if least == 0 || limit < least {
			least = limit
		}
	}
	return least, nil
}
