// Package consoles finds the devices on which a person reads what the node says, and writes to them.
package consoles

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Device is a console: a serial port, or the screen.
type Device struct {
	Name   string // below /dev
	Baud   uint32 // 0: as it is
	Screen bool
}

const (
	// screenName is the first virtual terminal. The kernel's own messages go to the one that is shown, which is this one
	// unless root in a pod switches.
	screenName = "tty1"
	// usualBaud is the rate of a port whose firmware keeps it to itself. Linux would set 9600.
	usualBaud = 115200
)

// Find returns every console of the machine once: the serial port that firmware names by ACPI, the one that it names by
// the device tree, those that the kernel writes to, and the screen. sys is where sysfs is mounted.
func Find(sys string) []Device {
	kernel := kernelConsoles(sys)
	var found []Device
	add := func(d Device) {
		if d.Name == "" || slices.ContainsFunc(found, func(f Device) bool { return f.Name == d.Name }) {
			return
		}
		if d.Baud == 0 && !d.Screen && !slices.Contains(kernel, d.Name) {
			d.Baud = usualBaud
		}
		found = append(found, d)
	}
	if port, ok := readSPCR(sys); ok {
		add(Device{Name: portAt(sys, port), Baud: port.baud})
	}
	if node, baud := stdoutPath(sys); node != "" {
		add(Device{Name: portOf(sys, node), Baud: baud})
	}
	for _, name := range kernel {
		add(Device{Name: name})
	}
	// The terminal exists before its frame buffer does, and keeps what is written until then.
	if exists(filepath.Join(sys, "class/tty", screenName)) {
		add(Device{Name: screenName, Screen: true})
	}
	return found
}

// kernelConsoles returns the ports that get the kernel's messages, without its virtual terminal.
func kernelConsoles(sys string) []string {
	text, _ := os.ReadFile(filepath.Join(sys, "class/tty/console/active"))
	return slices.DeleteFunc(strings.Fields(string(text)), func(name string) bool {
		_, err := strconv.Atoi(strings.TrimPrefix(name, "tty"))
		return err == nil || !isPresent(sys, name)
	})
}

// isPresent reports whether there is hardware behind a terminal. The kernel makes ttyS0 to ttyS3 on every PC, and takes
// one of them as its console without a look.
func isPresent(sys, name string) bool {
	const unknown = "0" // PORT_UNKNOWN
	return attribute(sys, name, "type") != unknown
}

// ports returns the names of all terminals.
func ports(sys string) []string {
	entries, _ := os.ReadDir(filepath.Join(sys, "class/tty"))
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

// attribute returns a property of a terminal, or "".
func attribute(sys, name, property string) string {
	text, _ := os.ReadFile(filepath.Join(sys, "class/tty", name, property))
	return strings.TrimSpace(string(text))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
