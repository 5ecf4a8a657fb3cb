package modules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/plainfile"
)

const (
	// ImageName is the name of the file system with all modules of a kernel, and with firmware, where people put it.
	ImageName = "modules.erofs"
	// maxImage bounds the bytes that are read of a file with that name.
	maxImage = 1 << 30
)

// ErrForeign means that an image was not made together with the root.
var ErrForeign = errors.New("it belongs to another build")

// Image says where the parts of an image are mounted.
type Image struct {
	SHA256   string // of the only file that is mounted, hexadecimal
	Release  string // of the kernel
	Modules  string // the folder that the modules of the root are in
	Firmware string // the folder where the kernel looks for firmware
	Scratch  string // a mount point that exists for a moment
}

// MountFrom mounts the image of that name in a folder, read-only. It returns os.ErrNotExist when there is none. The
// kernel parses the image before it verifies a module's signature, so no other bytes than those of the build may reach
// it: what is hashed and what is mounted is one open file, and no pod runs yet that could write to it.
func (i Image) MountFrom(folder, name string) (bytes int64, err error) {
	file, err := plainfile.Open(folder, name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	hash := sha256.New()
	bytes, err = io.Copy(hash, io.LimitReader(file, maxImage))
	if err != nil {
		return 0, err
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != i.SHA256 {
		return 0, fmt.Errorf("%w: its SHA-256 begins with %.16s, not with %.16s", ErrForeign, found, i.SHA256)
	}
	return bytes, i.mount(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
}

// mount leaves nothing mounted when it fails.
func (i Image) mount(source string) error {
	const readOnly = unix.MS_RDONLY | mounts.Hard
	err := mounts.One(mounts.Mount{Source: source, Target: i.Scratch, FS: "erofs", Flags: readOnly}, nil)
	defer os.Remove(i.Scratch)
	if err != nil {
		return err
	}
	defer unix.Unmount(i.Scratch, unix.MNT_DETACH)
	release := filepath.Join("lib/modules", i.Release)
	if _, err := os.Stat(filepath.Join(i.Scratch, release, "modules.dep")); err != nil {
		return err
	}
	firmware := filepath.Join(i.Scratch, "lib/firmware")
	if _, err := os.Stat(firmware); err == nil {
		if err := bind(firmware, i.Firmware); err != nil {
			return err
		}
	}
	if err := bind(filepath.Join(i.Scratch, release), i.Modules); err != nil {
		unix.Unmount(i.Firmware, unix.MNT_DETACH)
		return err
	}
	return nil
}

func bind(source, target string) error {
	return mounts.One(mounts.Mount{Source: source, Target: target, Flags: unix.MS_BIND | unix.MS_RDONLY | mounts.Hard}, nil)
}
