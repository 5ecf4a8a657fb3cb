package modprobe

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// filesFor returns the files, in load order, that a table names for a request, or nothing. The kernel and modules write
// a name with `-` or with `_`.
func filesFor(table, request string) []string {
	name := strings.ReplaceAll(request, "-", "_")
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0] == "ask" && words[1] == name {
			return words[2:]
		}
	}
	return nil
}

// node is a character device whose first open makes the kernel ask for its module.
type node struct {
	path   string // below /dev
	device uint64
}

// nodesOf returns the device nodes of a table, and names the malformed lines in the error.
func nodesOf(table string) (nodes []node, err error) {
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "node" {
			continue
		}
		n, fault := parseNode(words[1:])
		if fault != nil {
			err = fmt.Errorf("line %q: %w", strings.TrimSpace(line), fault)
			continue
		}
		nodes = append(nodes, n)
	}
	return nodes, err
}

func parseNode(words []string) (node, error) {
	if len(words) != 3 {
		return node{}, fmt.Errorf("%d words where a path, a major and a minor number are due", len(words))
	}
	major, err := strconv.ParseUint(words[1], 10, 12)
	if err != nil {
		return node{}, err
	}
	minor, err := strconv.ParseUint(words[2], 10, 20)
	if err != nil {
		return node{}, err
	}
	return node{words[0], unix.Mkdev(uint32(major), uint32(minor))}, nil
}
