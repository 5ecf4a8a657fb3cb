package mountinfo

import (
	"reflect"
	"testing"
)

func TestTheFieldsOfAMount(t *testing.T) {
	const text = `21 1 7:0 / / ro,nosuid - erofs /root.erofs ro
30 21 253:2 /data\134x /var/with\040space` + "\u00a0" + `and\011tab rw,noatime shared:9 master:2 - ext4 /dev/a\040b rw,errors=remount-ro
31 21 0:40 / /mnt ro - tmpfs  rw,size=1k
32 21 0:41 / /a\777\04 rw - fuse.x x\043y rw
broken line
33 21 0:42 / /torn rw - ext4 /dev`
	want := []Mount{
		{"21", "1", "7:0", "/", "/", "ro,nosuid", "erofs", "/root.erofs", "ro"},
		{"30", "21", "253:2", `/data\x`, "/var/with space\u00a0and\ttab", "rw,noatime", "ext4", "/dev/a b", "rw,errors=remount-ro"},
		{"31", "21", "0:40", "/", "/mnt", "ro", "tmpfs", "", "rw,size=1k"},
		{"32", "21", "0:41", "/", `/a\777\04`, "rw", "fuse.x", "x#y", "rw"},
	}
	got := Parse(text)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v", got)
	}
	for i, readOnly := range []bool{true, false, true, false} {
		if got[i].ReadOnly() != readOnly {
			t.Errorf("%+v: %v", got[i], !readOnly)
		}
	}
}
