// Kubelet-fields prints what the bootstrap agent must know of kubelet: the types of the fields of a
// KubeletConfiguration, and which flag sets which of them. It asks kubelet's own code.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// table is the output.
type table struct {
	// Fields has the type of each field: the name of a type, an object with fields, a list with the type of its items,
	// or an object with the key * and the type of all values.
	Fields any `json:"fields"`
	// Flags has the field of each flag of kubelet, or nothing where it is only a flag.
	Flags map[string]string `json:"flags"`
}

func run() error {
	fields := fieldTypes()
	flags, err := flagFields(fields)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(table{fields, flags})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
