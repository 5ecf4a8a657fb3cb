package consoles

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const deviceTree = "firmware/devicetree/base"

// stdoutPath returns the folder of the device tree's console (/chosen/stdout-path, "PATH-OR-ALIAS[:OPTIONS]") and its
// rate, 0 for as it is. The kernel itself does not follow it once its command line names a console.
func stdoutPath(sys string) (node string, baud uint32) {
	tree := filepath.Join(sys, deviceTree)
	where, options, _ := strings.Cut(property(tree, "chosen/stdout-path"), ":")
	if where != "" && !strings.HasPrefix(where, "/") {
		where = property(tree, filepath.Join("aliases", filepath.Base(where)))
	}
	if where == "" {
		return "", 0
	}
	digits := strings.IndexFunc(options+".", func(r rune) bool { return r < '0' || r > '9' })
	rate, _ := strconv.ParseUint(options[:digits], 10, 32)
	node, _ = filepath.EvalSymlinks(filepath.Join(tree, filepath.Clean(where)))
	return node, uint32(rate)
}

// property returns a string of the device tree, or "".
func property(tree, path string) string {
	text, _ := os.ReadFile(filepath.Join(tree, path))
	return strings.TrimRight(string(text), "\x00")
}

// portOf returns the terminal of a device in the device tree, or "".
func portOf(sys, node string) string {
	for _, name := range ports(sys) {
		of, err := filepath.EvalSymlinks(filepath.Join(sys, "class/tty", name, "device/of_node"))
		if err == nil && of == node {
			return name
		}
	}
	return ""
}
