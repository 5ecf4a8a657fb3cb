package devlinks

import (
	"bytes"
	"maps"
	"testing"
)

func TestAPartitionOfAnMBRHasTheDisksIdentifierAndItsNumber(t *testing.T) {
	boot := make([]byte, 512)
	copy(boot[440:], "\x4d\x3c\x2b\x1a")
	boot[510], boot[511] = 0x55, 0xaa
	want := map[int]entry{1: {uuid: "1a2b3c4d-01"}, 17: {uuid: "1a2b3c4d-11"}}
	if got := tableOf(bytes.NewReader(boot), 512, 512, []int{1, 17}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	clear(boot[440:444])
	if got := tableOf(bytes.NewReader(boot), 512, 512, []int{1}); len(got) != 0 {
		t.Errorf("a disk without an identifier: %v", got)
	}
	if got := tableOf(bytes.NewReader(boot[:100]), 100, 512, []int{1}); len(got) != 0 {
		t.Errorf("a short disk: %v", got)
	}
}
