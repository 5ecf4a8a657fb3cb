package devmapper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testdisk"
)

var volume = Crypt{Name: "kios-data", UUID: "CRYPT-LUKS2-x-kios-data", Cipher: "aes-xts-plain64", Key: []byte{0xab, 0x01}, Device: "/dev/vda2", Offset: 16 << 20, Bytes: 1 << 30, SectorSize: 4096}

func TestARequestHasTheKernelsForm(t *testing.T) {
	ne := binary.NativeEndian
	r := volume.request(secureData, volume.target())
	if len(r) != 16<<10 || ne.Uint32(r[0:]) != 4 || ne.Uint32(r[4:]) != 0 || ne.Uint32(r[12:]) != 16<<10 || ne.Uint32(r[16:]) != 312 || ne.Uint32(r[20:]) != 1 || ne.Uint32(r[28:]) != 0x8000 {
		t.Errorf("% x", r[:48])
	}
	if name := r[48:176]; string(bytes.TrimRight(name, "\x00")) != "kios-data" || bytes.Trim(r[176:312], "\x00") != nil {
		t.Errorf("%q", r[48:312])
	}
	spec := r[312:]
	const table = "aes-xts-plain64 ab01 0 /dev/vda2 32768 1 sector_size:4096"
	if ne.Uint64(spec) != 0 || ne.Uint64(spec[8:]) != 1<<21 || ne.Uint32(spec[20:]) != 40+64 || string(spec[24:30]) != "crypt\x00" || string(spec[40:40+len(table)+1]) != table+"\x00" {
		t.Errorf("%q", spec[:120])
	}
	small := volume
	small.SectorSize = 512
	if got := small.table(); got != "aes-xts-plain64 ab01 0 /dev/vda2 32768" {
		t.Error(got)
	}
	if request0|create != 0xc138fd03 {
		t.Errorf("%x", request0|create) // DM_DEV_CREATE, as strace(1) prints it
	}
}

func TestADevicesNodeFollowsFromItsNumber(t *testing.T) {
	for number, want := range map[uint64]string{0xfe00: "/dev/dm-0", 0xfd07: "/dev/dm-7", 0x1fdff + 1<<20 - 0x10000: "/dev/dm-511"} {
		if got := nodeOf(number); got != want {
			t.Errorf("%x: %s, want %s", number, got, want)
		}
	}
}

func TestWhatTheKernelWouldMisreadIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Crypt){
		"no name":       func(c *Crypt) { c.Name = "" },
		"a path":        func(c *Crypt) { c.Name = "a/b" },
		"a long name":   func(c *Crypt) { c.Name = strings.Repeat("x", 128) },
		"a long UUID":   func(c *Crypt) { c.UUID = strings.Repeat("x", 129) },
		"two words":     func(c *Crypt) { c.Device = "/dev/vda2 0" },
		"no device":     func(c *Crypt) { c.Device = "" },
		"half a sector": func(c *Crypt) { c.Bytes += 512 },
		"nothing":       func(c *Crypt) { c.Bytes = 0 },
	} {
		c := volume
		change(&c)
		if _, err := c.Open(); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheKernelDecryptsWhatItEncrypted runs where the kernel has a device mapper, such as that of a node.
func TestTheKernelDecryptsWhatItEncrypted(t *testing.T) {
	testdisk.Require(t)
	control, err := os.OpenFile(Control, os.O_RDWR, 0)
	if err != nil {
		t.Skip("this kernel has no device mapper: ", err)
	}
	control.Close()
	file := t.TempDir() + "/volume"
	if err := os.WriteFile(file, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c := volume
	c.Name, c.Key, c.Device, c.Offset, c.Bytes = "kios-test", bytes.Repeat([]byte{7}, 63), testdisk.Attach(t, file), 1<<20, 3<<20
	c.Key = append(c.Key, 8) // the two halves of a key differ
	node, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	device, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("kios"), 1024)
	_, failed := device.WriteAt(plain, 4096)
	if err := errors.Join(failed, device.Sync(), device.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a second device of that name: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("kioskios")) || !bytes.Equal(data[:1<<20], make([]byte, 1<<20)) || bytes.Equal(data[1<<20+4096:1<<20+8192], make([]byte, 4096)) {
		t.Error("the content is not encrypted where it should be")
	}
	if node, err = c.Open(); err != nil {
		t.Fatal(err)
	}
	again := make([]byte, len(plain))
	opened, err := os.Open(node)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if _, err := opened.ReadAt(again, 4096); err != nil || !bytes.Equal(again, plain) {
		t.Error(err)
	}
}
