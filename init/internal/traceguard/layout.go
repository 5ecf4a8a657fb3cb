package traceguard

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// layout is what the build found out about a kernel (docs/host-api.md section 8): the identifiers of functions, and the
// distances in bytes of fields from the start of their structures, by `structure.field`. The layout of structures is
// random.
type layout struct {
	V         int               `json:"v"`
	Kernel    string            `json:"kernel"`
	Functions map[string]uint32 `json:"functions"`
	Offsets   map[string]int16  `json:"offsets"`
}

// readLayout reads the layout of a kernel, which is named as `uname -r` names it.
func readLayout(path, kernel string) (layout, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return layout{}, err
	}
	var l layout
	if err := json.Unmarshal(text, &l); err != nil {
		return layout{}, fmt.Errorf("read %s: %w", path, err)
	}
	if l.V != 1 || l.Kernel != strings.TrimSpace(kernel) {
		return layout{}, fmt.Errorf("%s is version %d, for the kernel %s", path, l.V, l.Kernel)
	}
	return l, nil
}

func (l layout) function(name string) (uint32, error) {
	if id, found := l.Functions[name]; found {
		return id, nil
	}
	return 0, fmt.Errorf("the kernel's layout lacks %s", name)
}

// fields returns the distance of each field.
func (l layout) fields(names ...string) ([]int16, error) {
	var all []int16
	for _, name := range names {
		offset, found := l.Offsets[name]
		if !found {
			return nil, fmt.Errorf("the kernel's layout lacks %s", name)
		}
		all = append(all, offset)
	}
	return all, nil
}
