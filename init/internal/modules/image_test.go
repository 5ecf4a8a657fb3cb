package modules

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const testRelease = "6.12.0-test"

// imageBytes returns a file system with lib/modules/6.12.0-test/{modules.dep,kernel/a.ko} and
// lib/firmware/rtl_nic/a.fw, made by mkfs.erofs -T0.
func imageBytes(t *testing.T) []byte {
	t.Helper()
	packed, err := os.Open("testdata/modules.erofs.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// place writes content as modules.erofs into a new folder, and returns it with an Image that expects these bytes.
func place(t *testing.T, content []byte) (folder string, image Image) {
	t.Helper()
	dir := t.TempDir()
	folder = filepath.Join(dir, "medium")
	sum := sha256.Sum256(content)
	image = Image{
		SHA256: hex.EncodeToString(sum[:]), Release: testRelease,
		Modules: filepath.Join(dir, "modules"), Firmware: filepath.Join(dir, "firmware"), Scratch: filepath.Join(dir, "scratch"),
	}
	for _, made := range []string{folder, image.Modules, image.Firmware} {
		if err := os.Mkdir(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, ImageName), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder, image
}

func inMountNamespace(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("KIOS_REQUIRE_ROOT") == "1" {
			t.Fatal("needs root for a mount namespace")
		}
		t.Skip("needs root for a mount namespace")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
}

// mounted returns what is mounted below the parent of a folder.
func mounted(t *testing.T, folder string) (targets []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if target := strings.Fields(line)[1]; strings.HasPrefix(target, filepath.Dir(folder)+"/") {
			targets = append(targets, filepath.Base(target))
		}
	}
	slices.Sort(targets)
	return targets
}

func TestTheImageOfTheBuildCoversTheModulesOfTheRoot(t *testing.T) {
	inMountNamespace(t)
	content := imageBytes(t)
	folder, image := place(t, content)
	bytes, err := image.MountFrom(folder, ImageName)
	if errors.Is(err, unix.ENOTBLK) || errors.Is(err, unix.ENODEV) {
		t.Skipf("this kernel mounts no EROFS from a file: %v", err)
	}
	if err != nil || bytes != int64(len(content)) {
		t.Fatalf("%d bytes: %v", bytes, err)
	}
	t.Cleanup(func() {
		unix.Unmount(image.Modules, 0)
		unix.Unmount(image.Firmware, 0)
	})
	if got := mounted(t, folder); !slices.Equal(got, []string{"firmware", "modules"}) {
		t.Errorf("mounted: %v", got)
	}
	for file, want := range map[string]string{
		image.Modules + "/modules.dep":      "kernel/a.ko:\n",
		image.Modules + "/kernel/a.ko":      "module\n",
		image.Firmware + "/rtl_nic/a.fw":    "firmware\n",
		filepath.Dir(folder) + "/scratch/x": "",
	} {
		if got, _ := os.ReadFile(file); string(got) != want {
			t.Errorf("%s: %q", file, got)
		}
	}
	if err := os.WriteFile(image.Modules+"/kernel/b.ko", nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("a file was added: %v", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(image.Modules, &fs); err != nil || fs.Flags&(unix.ST_NOEXEC|unix.ST_NOSUID|unix.ST_NODEV) != unix.ST_NOEXEC|unix.ST_NOSUID|unix.ST_NODEV {
		t.Errorf("flags %x: %v", fs.Flags, err)
	}
}

func TestOnlyTheBytesOfTheBuildAreMounted(t *testing.T) {
	inMountNamespace(t)
	content := imageBytes(t)
	folder, image := place(t, append(slices.Clone(content), 0))
	sum := sha256.Sum256(content)
	image.SHA256 = hex.EncodeToString(sum[:])
	if _, err := image.MountFrom(folder, ImageName); !errors.Is(err, ErrForeign) {
		t.Errorf("one byte more: %v", err)
	}
	if got := mounted(t, folder); got != nil {
		t.Errorf("mounted: %v", got)
	}
}

func TestAnImageThatCannotBeUsedLeavesNothingMounted(t *testing.T) {
	inMountNamespace(t)
	for name, change := range map[string]func([]byte, *Image) []byte{
		"no file system":           func([]byte, *Image) []byte { return []byte("half of a download") },
		"nothing":                  func([]byte, *Image) []byte { return nil },
		"of another kernel":        func(content []byte, i *Image) []byte { i.Release = "6.13.0"; return content },
		"no folder to be seen in":  func(content []byte, i *Image) []byte { i.Modules = "/proc/none"; return content },
		"no folder for firmware":   func(content []byte, i *Image) []byte { i.Firmware = "/proc/none"; return content },
		"damaged in its root node": func(content []byte, i *Image) []byte { clear(content[1024+128:]); return content },
	} {
		t.Run(name, func(t *testing.T) {
			var wanted Image
			content := change(imageBytes(t), &wanted)
			folder, image := place(t, content)
			for of, value := range map[*string]string{&image.Release: wanted.Release, &image.Modules: wanted.Modules, &image.Firmware: wanted.Firmware} {
				if value != "" {
					*of = value
				}
			}
			if _, err := image.MountFrom(folder, ImageName); err == nil || errors.Is(err, ErrForeign) {
				t.Errorf("MountFrom: %v", err)
			}
			if got := mounted(t, folder); got != nil {
				t.Errorf("mounted: %v", got)
			}
		})
	}
}

func TestAFolderWithoutAnImageIsNoFault(t *testing.T) {
	folder, image := place(t, nil)
	os.Remove(filepath.Join(folder, ImageName))
	for _, none := range []string{folder, folder + "/missing"} {
		if _, err := image.MountFrom(none, ImageName); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", none, err)
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(folder, ImageName)); err != nil {
		t.Fatal(err)
	}
	if _, err := image.MountFrom(folder, ImageName); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link that leads elsewhere: %v", err)
	}
}
