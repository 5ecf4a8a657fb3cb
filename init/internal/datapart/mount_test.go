package datapart

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheRemedyIsThatOfTheCause(t *testing.T) {
	repair := "The node runs from RAM. Repair the ext4 file system of /dev/vda2 on another machine, or flash the medium again."
	unlock := "The node runs from RAM. Open the write lock of the medium that has /dev/vda2, or replace it: a worn-out card refuses to be written."
	driver := "The kernel does not know ext4: name its module under `fs ext4` in the early table."
	for _, c := range []struct {
		err  error
		want string
	}{
		{unix.EINVAL, repair},
		{unix.EIO, repair},
		{fmt.Errorf("mount: %w", unix.EACCES), unlock}, // a device without a right to write
		{errors.Join(&os.PathError{Op: "open", Path: "/x", Err: unix.EROFS}), unlock},
		{unix.ENODEV, driver},
	} {
		if got := remedy("/dev/vda2", c.err); got != c.want {
			t.Errorf("%v: %q", c.err, got)
		}
	}
}
