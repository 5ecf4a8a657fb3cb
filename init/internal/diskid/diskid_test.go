package diskid

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/blockdev"
	"kios.dev/init/internal/gpt"
	"kios.dev/init/internal/testdisk"
)

// vectors describes the image that the build makes.
type vectors struct {
	Identifiers struct{ Disk, ESP, Data, ESPSerial, DataFileSystem string }
	Table       struct {
		Blocks          int64
		Header, Entries string
	}
}

func read(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("../../../packages/host-api/vectors/disk.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestInitKnowsTheIdentifiersOfTheBuild(t *testing.T) {
	v := read(t).Identifiers
	if v.Disk != disk || v.ESP != esp || v.Data != data || v.DataFileSystem != dataFileSystem || v.ESPSerial != fmt.Sprintf("%08x", espSerial) {
		t.Errorf("%+v", v)
	}
	for _, guid := range []string{v.Disk, v.ESP, v.Data} {
		if !Shared(guid) {
			t.Errorf("%s is not shared", guid)
		}
	}
	if Shared("") || Shared(gpt.NewGUID().String()) {
		t.Error("a GUID of its own is shared")
	}
}

// flash writes an image of the build to a file: its table, the boot sectors of its EFI system partition, and an ext4
// file system with the build's UUID and these features.
func flash(t *testing.T, features string) (file string) {
	t.Helper()
	v := read(t)
	bytes := func(text string) []byte {
		decoded, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	const espAt, dataAt, dataBytes = 1 << 20, 1025 << 20, 1 << 30
	head := make([]byte, 34*512)
	copy(head[446:], []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	head[510], head[511] = 0x55, 0xaa
	copy(head[512:], bytes(v.Table.Header))
	copy(head[1024:], bytes(v.Table.Entries))
	boot := make([]byte, 512)
	copy(boot[11:], []byte{0x00, 0x02, 8, 32, 0, 2})
	boot[50] = 6
	copy(boot[67:], []byte{0x73, 0x6f, 0x69, 0x6b})
	copy(boot[82:], "FAT32   ")
	boot[510], boot[511] = 0x55, 0xaa

	file = filepath.Join(t.TempDir(), "disk")
	image, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	if err := image.Truncate((v.Table.Blocks + 5000) * 512); err != nil { // flashed on a larger disk
		t.Fatal(err)
	}
	for at, piece := range map[int64][]byte{0: head, espAt: boot, espAt + 6*512: boot} {
		if _, err := image.WriteAt(piece, at); err != nil {
			t.Fatal(err)
		}
	}
	testdisk.Run(t, "mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-U", dataFileSystem, "-E",
		fmt.Sprintf("offset=%d,lazy_itable_init=1,lazy_journal_init=1", dataAt), file, fmt.Sprint(dataBytes>>10)+"k")
	return file
}

// present returns the disk once the kernel has added its partitions.
func present(t *testing.T, device string) blockdev.Disk {
	t.Helper()
	for range 100 {
		for _, disk := range blockdev.Disks(time.Second) {
			if blockdev.Path(disk.Name) == device && len(disk.Parts) == 2 {
				return disk
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s has no partitions", device)
	return blockdev.Disk{}
}

func TestAFlashedDiskGetsIdentifiersOfItsOwn(t *testing.T) {
	testdisk.Require(t)
	file := flash(t, "metadata_csum_seed")
	device := testdisk.AttachDisk(t, file)
	flashed := present(t, device)
	if !Fresh(flashed) || flashed.GUID != disk || flashed.Parts[0].GUID != esp || flashed.Parts[1].GUID != data {
		t.Fatalf("the disk is not as the build makes it: %+v", flashed)
	}
	result, err := Renew(flashed, false)
	want := gpt.Growth{Partition: 2, Start: 1025 << 20, Was: 1 << 30, Bytes: 1027 << 20}
	if !result.Renewed || result.Growth != want || err != nil {
		t.Fatalf("%+v %v", result, err)
	}
	if sectors := testdisk.Run(t, "cat", "/sys/class/block/"+filepath.Base(flashed.Parts[1].Device)+"/size"); sectors != "2103296" {
		t.Errorf("the kernel's partition has %s sectors", sectors)
	}
	renewed := present(t, device)
	if Fresh(renewed) || renewed.GUID == renewed.Parts[0].GUID || renewed.Parts[0].GUID == renewed.Parts[1].GUID {
		t.Errorf("%+v", renewed)
	}
	if again, err := Renew(renewed, false); again != (Result{}) || err != nil {
		t.Errorf("a second boot: %v %v", again, err)
	}
	for _, offset := range []string{"1048576", "1051648"} { // the boot sector and its copy
		serial := testdisk.Run(t, "blkid", "-p", "-O", offset, "-o", "value", "-s", "UUID", file)
		if serial == "6B69-6F73" {
			t.Errorf("the serial at %s is the build's", offset)
		}
	}

	if untouched, err := untouchedAt(renewed.Parts[1].Device); !untouched || err != nil {
		t.Errorf("before the first mount: %v %v", untouched, err)
	}
	target := t.TempDir()
	if err := unix.Mount(renewed.Parts[1].Device, target, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	if untouched, err := untouchedAt(renewed.Parts[1].Device); untouched || err != nil {
		t.Errorf("after the first mount: %v %v", untouched, err)
	}
	changed, err := RenewFileSystem(target)
	again, err2 := RenewFileSystem(target)
	if err := unix.Unmount(target, 0); err != nil {
		t.Fatal(err)
	}
	if !changed || err != nil || again || err2 != nil {
		t.Errorf("file system: %v %v, then %v %v", changed, err, again, err2)
	}
	if uuid := testdisk.Run(t, "blkid", "-p", "-o", "value", "-s", "UUID", renewed.Parts[1].Device); uuid == dataFileSystem || uuid[14] != '4' {
		t.Errorf("UUID %s", uuid)
	}
	testdisk.Run(t, "e2fsck", "-f", "-n", renewed.Parts[1].Device)
	listed := testdisk.Run(t, "partx", "--raw", "--noheadings", "--output", "NR,START,SECTORS,UUID,NAME", file)
	lines := fmt.Sprintf("1 2048 2097152 %s kios-esp\n2 2099200 2103296 %s kios-data", renewed.Parts[0].GUID, renewed.Parts[1].GUID)
	if listed != lines {
		t.Errorf("other programs read\n%s\nwant\n%s", listed, lines)
	}
}

func untouchedAt(device string) (bool, error) {
	file, err := os.Open(device)
	if err != nil {
		return false, err
	}
	defer file.Close()
	_, untouched, err := Ext4(file)
	return untouched, err
}

func TestOnlyTheBuildsOwnFileSystemIsUntouched(t *testing.T) {
	build := make([]byte, superAt+superBytes)
	copy(build[superAt+magicAt:], "\x53\xef")
	copy(build[superAt+uuidAt:], "\xb1\xcb\x5b\xea\x2e\xe6\x80\x39\xb8\x0d\x52\xf6\xad\xa2\x20\x8e")
	if there, untouched, err := Ext4(bytes.NewReader(build)); !there || !untouched || err != nil {
		t.Error(there, untouched, err)
	}
	for name, at := range map[string]int{"a mount": mountsAt, "a time": mountedAt, "another UUID": uuidAt + 15, "no ext4": magicAt} {
		other := bytes.Clone(build)
		other[superAt+at] ^= 1
		if there, untouched, err := Ext4(bytes.NewReader(other)); there != (at != magicAt) || untouched || err != nil {
			t.Errorf("%s: %v %v %v", name, there, untouched, err)
		}
	}
	if _, _, err := Ext4(bytes.NewReader(build[:1500])); err == nil {
		t.Error("a device without a superblock")
	}
}

func TestADiskThatWasEnlargedLaterGrowsAndKeepsItsIdentifiers(t *testing.T) {
	testdisk.Require(t)
	file := flash(t, "metadata_csum_seed")
	device := testdisk.AttachDisk(t, file)
	if _, err := Renew(present(t, device), false); err != nil {
		t.Fatal(err)
	}
	own := present(t, device)
	size, _ := blockdev.Geometry(filepath.Base(device))
	if err := os.Truncate(file, size+100<<20+4096*3+512); err != nil { // an odd end
		t.Fatal(err)
	}
	testdisk.Run(t, "losetup", "--set-capacity", device)
	result, err := Renew(own, false)
	if err != nil || result.Renewed || result.Growth.Was != 1027<<20 || result.Growth.Bytes != 1127<<20 {
		t.Errorf("%+v %v", result, err)
	}
	grown := present(t, device)
	if grown.GUID != own.GUID || grown.Parts[0].GUID != own.Parts[0].GUID || grown.Parts[1].GUID != own.Parts[1].GUID {
		t.Errorf("%+v is not %+v", grown, own)
	}
	if again, err := Renew(grown, false); again != (Result{}) || err != nil {
		t.Errorf("a second boot: %+v %v", again, err)
	}
	target := t.TempDir()
	if err := unix.Mount(grown.Parts[1].Device, target, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(target, 0); err != nil {
		t.Fatal(err)
	}
}

func TestADiskWhoseIdentifiersAreKeptGrows(t *testing.T) {
	testdisk.Require(t)
	device := testdisk.AttachDisk(t, flash(t, "metadata_csum_seed"))
	result, err := Renew(present(t, device), true)
	if kept := present(t, device); err != nil || result.Renewed || result.Growth.Partition != 2 || kept.GUID != disk || kept.Parts[1].GUID != data {
		t.Errorf("%+v %v %+v", result, err, kept)
	}
}

func TestADiskInUseIsNotWritten(t *testing.T) {
	testdisk.Require(t)
	device := testdisk.AttachDisk(t, flash(t, "metadata_csum_seed"))
	flashed := present(t, device)
	target := t.TempDir()
	if err := unix.Mount(flashed.Parts[1].Device, target, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(target, 0)
	if result, err := Renew(flashed, false); result != (Result{}) || !errors.Is(err, unix.EBUSY) {
		t.Errorf("%v %v", result, err)
	}
}

func TestAFileSystemWhoseChecksumsNeedTheUUIDKeepsIt(t *testing.T) {
	testdisk.Require(t)
	device := testdisk.AttachDisk(t, flash(t, "metadata_csum,^metadata_csum_seed"))
	target := t.TempDir()
	if err := unix.Mount(present(t, device).Parts[1].Device, target, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(target, 0)
	if changed, err := RenewFileSystem(target); changed || !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("%v %v", changed, err)
	}
}
