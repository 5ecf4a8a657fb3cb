package blockdev

import (
	"reflect"
	"testing"

	"kios.dev/init/internal/gpt"
)

func TestADiskCountsOnlyWithItsDataPartition(t *testing.T) {
	esp, data := gpt.Partition{Number: 1, Type: "esp"}, gpt.Partition{Number: 3, Type: gpt.KiOS}
	gone := gpt.Partition{Number: 2, Type: "beyond the end of the disk"}
	table := []gpt.Partition{esp, gone, data}
	for _, c := range []struct {
		name    string
		nodes   map[int]string
		missing string
		want    []Part
	}{
		{"complete", map[int]string{1: "vda1", 3: "vda3"}, "", []Part{{esp, "/dev/vda1"}, {data, "/dev/vda3"}}},
		{"the data partition is not added yet", map[int]string{1: "vda1"}, "", nil},
		{"its node is not made yet", map[int]string{1: "vda1", 3: "vda3"}, "/dev/vda3", nil},
		{"the node of another partition is not made yet", map[int]string{1: "vda1", 3: "vda3"}, "/dev/vda1", []Part{{data, "/dev/vda3"}}},
	} {
		got := join(table, c.nodes, func(device string) bool { return device != c.missing })
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestPathUndoesTheKernelsExclamationMark(t *testing.T) {
	if got := Path("cciss!c0d0p1"); got != "/dev/cciss/c0d0p1" {
		t.Error(got)
	}
}
