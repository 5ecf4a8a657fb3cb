// Package devmapper makes devices of the kernel's device mapper (linux/dm-ioctl.h, version 4).
package devmapper

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Control is the node by which the kernel takes requests.
const Control = "/dev/mapper/control"

// The structure dm_ioctl, which precedes everything in a request.
const (
	headBytes   = 312
	versionAt   = 0
	sizeAt      = 12
	startAt     = 16
	countAt     = 20
	flagsAt     = 28
	deviceAt    = 40
	nameAt      = 48
	nameBytes   = 128
	uuidAt      = 176
	uuidBytes   = 129
	targetBytes = 40 // the structure dm_target_spec
	typeAt      = 24
	typeBytes   = 16
)

const (
	create  = 3
	remove  = 4
	suspend = 6
	load    = 9

	// secureData has the kernel clear its copy of a request, which has a key in it.
	secureData = 1 << 15

	// request0 is _IOWR(0xfd, 0, struct dm_ioctl) but for the number of the command.
	request0 = 3<<30 | headBytes<<16 | 0xfd<<8
)

const sector = 512

// Crypt is a device whose content another one has encrypted (Documentation/admin-guide/device-mapper/dm-crypt.rst).
type Crypt struct {
	Name, UUID string
	Cipher     string // in the kernel's form, such as aes-xts-plain64
	Key        []byte
	Device     string // that has the encrypted content
	Offset     int64  // of it there, in bytes
	Bytes      int64
	SectorSize int
}

// table returns the one target of the device.
func (c Crypt) table() string {
	options := ""
	if c.SectorSize != sector {
		options = fmt.Sprintf(" 1 sector_size:%d", c.SectorSize)
	}
	return fmt.Sprintf("%s %s 0 %s %d%s", c.Cipher, hex.EncodeToString(c.Key), c.Device, c.Offset/sector, options)
}

// check refuses what the kernel would cut off or take for something else.
func (c Crypt) check() error {
	switch {
	case c.Name == "" || len(c.Name) >= nameBytes || strings.ContainsAny(c.Name, "/\x00") || len(c.UUID) >= uuidBytes:
		return fmt.Errorf("name %q: %w", c.Name, unix.EINVAL)
	case strings.ContainsAny(c.Device+c.Cipher, " \t\n\x00") || c.Device == "":
		return fmt.Errorf("device %q: %w", c.Device, unix.EINVAL)
	case c.Bytes <= 0 || c.SectorSize <= 0 || c.Bytes%int64(c.SectorSize) != 0 || c.Offset%sector != 0:
		return fmt.Errorf("%d bytes at %d: %w", c.Bytes, c.Offset, unix.EINVAL)
	}
	return nil
}

// Open makes the device and returns its node. Nothing stays when it fails.
func (c Crypt) Open() (node string, err error) {
	if err := c.check(); err != nil {
		return "", err
	}
	control, err := os.OpenFile(Control, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close()
	begin := c.request(0, nil)
	copy(begin[uuidAt:uuidAt+uuidBytes-1], c.UUID) // all others name the device by one of the two, as the kernel wants it
	made, err := call(control, create, begin)
	if err != nil {
		return "", fmt.Errorf("make %s: %w", c.Name, err)
	}
	if _, err = call(control, load, c.request(secureData, c.target())); err == nil {
		_, err = call(control, suspend, c.request(0, nil)) // without its flag, which resumes
	}
	if err != nil {
		_, failed := call(control, remove, c.request(0, nil))
		return "", fmt.Errorf("load the table of %s: %w", c.Name, errors.Join(err, failed))
	}
	return nodeOf(binary.NativeEndian.Uint64(made[deviceAt:])), nil
}

// Close removes the device, which nobody may use.
func (c Crypt) Close() error {
	control, err := os.OpenFile(Control, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	_, err = call(control, remove, c.request(0, nil))
	return err
}

// nodeOf returns the node of a device by its number (huge_encode_dev).
func nodeOf(device uint64) string {
	return fmt.Sprintf("/dev/dm-%d", device&0xff|device>>12&0xfff00)
}

// request returns the bytes of a request: its head, and what follows.
func (c Crypt) request(flags uint32, targets []byte) []byte {
	data := make([]byte, headBytes+len(targets), max(headBytes+len(targets), 16<<10))
	ne := binary.NativeEndian
	ne.PutUint32(data[versionAt:], 4)
	ne.PutUint32(data[sizeAt:], uint32(cap(data)))
	ne.PutUint32(data[startAt:], headBytes)
	if targets != nil {
		ne.PutUint32(data[countAt:], 1)
	}
	ne.PutUint32(data[flagsAt:], flags)
	copy(data[nameAt:nameAt+nameBytes-1], c.Name)
	copy(data[headBytes:], targets)
	return data[:cap(data)]
}

// target returns the structure of the only target, with its table.
func (c Crypt) target() []byte {
	table := c.table()
	size := (targetBytes + len(table) + 1 + 7) / 8 * 8
	data := make([]byte, size)
	ne := binary.NativeEndian
	ne.PutUint64(data[8:], uint64(c.Bytes/sector))
	ne.PutUint32(data[20:], uint32(size))
	copy(data[typeAt:typeAt+typeBytes-1], "crypt")
	copy(data[targetBytes:], table)
	return data
}

// call makes a request, and returns the kernel's answer in its place.
func call(control *os.File, command uintptr, data []byte) ([]byte, error) {
	defer func() { clear(data[headBytes:]) }() // a key may be there
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, control.Fd(), request0|command, uintptr(unsafe.Pointer(&data[0])))
	if errno != 0 {
		return nil, errno
	}
	return bytes.Clone(data[:headBytes]), nil
}
