package modprobe

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MakeNodes makes the device nodes of the table at a path, below dev. The kernel makes a device's node only when its
// driver is loaded, and these drivers are loaded when somebody opens the node. Only root may, as where the kernel makes
// them. Without a table there are none.
func MakeNodes(table, dev string) error {
	text, err := os.ReadFile(table)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	nodes, err := nodesOf(string(text))
	for _, n := range nodes {
		err = errors.Join(err, n.make(dev))
	}
	return err
}

func (n node) make(dev string) error {
	file := filepath.Join(dev, n.path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	err := unix.Mknod(file, unix.S_IFCHR|0o600, int(n.device))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "mknod", Path: file, Err: err}
	}
	return nil
}
