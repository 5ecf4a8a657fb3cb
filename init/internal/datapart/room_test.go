package datapart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/testdisk"
)

// noDrivers is for a kernel that has everything built in.
type noDrivers struct{}

func (noDrivers) LoadDevices() error  { return nil }
func (noDrivers) LoadFS(string) error { return nil }

// mounted mounts a device like the data partition, for the length of the test.
func mounted(t *testing.T, device string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := Mount(device, dir, noDrivers{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, 0) })
	return dir
}

// remount unmounts and mounts again, as a reboot does.
func remount(t *testing.T, device, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := Mount(device, dir, noDrivers{}); err != nil {
		t.Fatalf("a full partition is taken for a damaged one: %v", err)
	}
}

// fillBlocks and fillInodes do what a pod can do to the partition.
func fillBlocks(dir string) error {
	file, err := os.Create(filepath.Join(dir, "hog"))
	if err != nil {
		return err
	}
	defer file.Close()
	for size := int64(1 << 20); size >= 4096; size /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
	}
	return errors.Join(err, file.Sync())
}

func fillInodes(dir string) (err error) {
	for i := 0; err == nil; i++ {
		err = touch(filepath.Join(dir, fmt.Sprint("hog", i)))
	}
	return err
}

func TestAFullPartitionIsKeptAndItsBallastLetsTheNodeBoot(t *testing.T) {
	testdisk.Require(t)
	for name, fill := range map[string]func(string) error{"blocks": fillBlocks, "inodes": fillInodes} {
		device := testdisk.Ext4(t, 256, "-m", "1", "-N", "16384")
		dir := mounted(t, device)
		if err := mounts.MakeDirs(mounts.StateDirs(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/meta/etc/kubelet.conf", []byte("identity"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Reserve(dir); err != nil {
			t.Fatal(err)
		}
		if _, full := Full(dir); full {
			t.Fatalf("%s: an empty partition is full", name)
		}
		pods := dir + "/data/kubelet"
		if err := fill(pods); !IsFull(err) {
			t.Fatalf("%s: %v", name, err)
		}

		remount(t, device, dir)
		free, full := Full(dir)
		if !full {
			t.Fatalf("%s: %+v is enough", name, free)
		}
		if given, err := GiveUp(dir); !given || err != nil {
			t.Fatalf("%s: %v %v", name, given, err)
		}
		if free, full = Full(dir); full || free.less(Room{5 << 20, 400}) {
			t.Errorf("%s: only %+v came free", name, free)
		}
		if err := boots(dir); err != nil {
			t.Errorf("%s: a boot fails: %v", name, err)
		}
		if text, err := os.ReadFile(dir + "/meta/etc/kubelet.conf"); string(text) != "identity" {
			t.Errorf("%s: identity %q %v", name, text, err)
		}

		if err := Reserve(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir + "/meta/ballast"); err == nil {
			t.Errorf("%s: the ballast takes what little room there is", name)
		}
		if given, err := GiveUp(dir); given || err != nil {
			t.Errorf("%s: given up twice: %v %v", name, given, err)
		}
		remount(t, device, dir)
		os.RemoveAll(pods)
		unix.Sync()
		if err := Reserve(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(dir + "/meta/ballast/blocks"); err != nil || info.Sys() == nil || info.Size() < 7<<20 {
			t.Errorf("%s: no ballast although there is room again: %v", name, err)
		}
	}
}

// ballastOf makes a data partition in a folder whose ballast has these files.
func ballastOf(t *testing.T, files ...string) (base, dir string) {
	t.Helper()
	base = t.TempDir()
	dir = filepath.Join(base, ballast)
	for _, file := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := touch(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	return base, dir
}

func TestAFolderOfAnyLengthIsGivenUpInBoundedSteps(t *testing.T) {
	files := []string{blocks}
	for i := range mostNames + 10 {
		files = append(files, fmt.Sprint("hog", i))
	}
	base, dir := ballastOf(t, files...)
	if given, err := GiveUp(base); !given || err == nil {
		t.Fatalf("given %v, %v", given, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) < 10 || len(left) > 11 || left[0].Name() == blocks {
		t.Fatalf("%d files are left, %v", len(left), err)
	}
	if given, err := GiveUp(base); !given || err != nil {
		t.Fatalf("the next boot: %v, %v", given, err)
	}
	if given, err := GiveUp(base); given || err != nil {
		t.Fatalf("given up twice: %v, %v", given, err)
	}
}

func TestFoldersInTheBallastAreNotWalked(t *testing.T) {
	base, dir := ballastOf(t, blocks, "0", "a/b/c")
	if given, err := GiveUp(base); !given || !errors.Is(err, unix.ENOTEMPTY) {
		t.Fatalf("given %v, %v", given, err)
	}
	if _, err := os.Stat(dir + "/a/b/c"); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

func TestALinkInThePlaceOfTheBallastIsRemovedAlone(t *testing.T) {
	base, dir := ballastOf(t, "0")
	other := filepath.Join(base, "meta/etc")
	if err := os.Rename(dir, other); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("etc", dir); err != nil {
		t.Fatal(err)
	}
	if given, err := GiveUp(base); !given || err != nil {
		t.Fatalf("given %v, %v", given, err)
	}
	if _, err := os.Stat(other + "/0"); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("the link stays")
	}
}

// boots writes about what a boot writes: an overlay on /etc, the store of a new image, state of kubelet and containerd.
func boots(dir string) error {
	etc := filepath.Join(dir, "seen")
	if err := os.Mkdir(etc, 0o755); err != nil {
		return err
	}
	overlay := mounts.State(dir)[1]
	overlay.Target = etc
	if err := mounts.Apply([]mounts.Mount{overlay}, nil); err != nil {
		return err
	}
	defer unix.Unmount(etc, 0)
	if err := os.WriteFile(etc+"/written", make([]byte, 100<<10), 0o644); err != nil {
		return err
	}
	for i := range 300 {
		if err := os.WriteFile(fmt.Sprintf("%s/data/containerd/%d", dir, i), make([]byte, 4096), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func TestOnlyADamagedPartitionIsRefused(t *testing.T) {
	testdisk.Require(t)
	device := testdisk.Ext4(t, 64)
	dir := mounted(t, device)
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(device, dir, "ext4", unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := writable(dir); !errors.Is(err, unix.EROFS) || IsFull(err) {
		t.Errorf("a read-only file system: %v", err)
	}
	unix.Unmount(dir, 0)
	file, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if err := Mount(device, dir, noDrivers{}); err == nil || IsFull(err) {
		t.Errorf("a device without a file system: %v", err)
	}
}

func TestTheProbeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/.probe", []byte("of a boot that power cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writable(dir); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func TestTheBallastOfASmallPartitionIsSmall(t *testing.T) {
	for _, c := range []struct{ total, want Room }{
		{Room{1 << 30, 65536}, Room{32 << 20, 512}},
		{Room{1 << 40, 1 << 26}, Room{32 << 20, 512}},
		{Room{64 << 20, 4096}, Room{2 << 20, 128}},
	} {
		if got := (space{total: c.total}).reserve(); got != c.want {
			t.Errorf("%+v: %+v", c.total, got)
		}
	}
}
