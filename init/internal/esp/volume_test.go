package esp

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/slots"
	"kios.dev/init/internal/testdisk"
)

// fatDisk returns a device with an empty FAT32 file system, and skips the test where there is none to be had.
func fatDisk(t *testing.T) string {
	t.Helper()
	known, _ := os.ReadFile("/proc/filesystems")
	if _, err := exec.LookPath("mkfs.vfat"); err != nil || !strings.Contains(string(known), "\tvfat\n") {
		t.Skip("needs mkfs.vfat, and a kernel with vfat")
	}
	testdisk.Require(t)
	file := filepath.Join(t.TempDir(), "esp")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 64<<20); err != nil {
		t.Fatal(err)
	}
	testdisk.Run(t, "mkfs.vfat", "-F", "32", file)
	return testdisk.Attach(t, file)
}

// shown mounts a partition read-only for good, as its folder kios is on a node.
func shown(t *testing.T, device string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := mounts.One(mounts.Mount{Source: device, Target: dir, FS: "vfat", Flags: unix.MS_RDONLY | mounts.Hard, Data: mounts.FAT}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func isInUse(t *testing.T, device string) bool {
	t.Helper()
	boot, err := os.ReadFile(device)
	if err != nil {
		t.Fatal(err)
	}
	return boot[65]&inUse != 0
}

// Pods see what is mounted below their folders of the host, and init's own mount is writable.
func TestNoPodOfTheImageSeesInitsOwnMount(t *testing.T) {
	manifests, err := filepath.Glob("../../../manifests/*.yaml")
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, manifest := range append(manifests, "../../../examples/update/update.yaml", "../../../examples/lifecycle/lifecycle.yaml") {
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			path, isPath := strings.CutPrefix(strings.TrimSpace(line), "path: ")
			if isPath && strings.HasPrefix(own, strings.TrimSuffix(path, "/")+"/") {
				t.Errorf("%s: a pod with %s sees %s", manifest, path, own)
			}
		}
	}
}

// isInMemory reports whether the kernel has the first page of a file.
func isInMemory(t *testing.T, path string) bool {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	page, err := unix.Mmap(int(file.Fd()), 0, 1, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	var there [1]byte
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&page[0])), 1, uintptr(unsafe.Pointer(&there))); errno != 0 {
		t.Fatal(errno)
	}
	return there[0]&1 != 0
}

func TestWhatAStartTakesPartInIsReadAnew(t *testing.T) {
	top := partition(t, map[string]string{"kios-0001.conf": "x", slots.Temporary: "x"})
	files := []string{"loader/entries/kios-0001.conf", "loader/entries/k.tmp", "loader/fallback", "EFI/kios/0001.efi"}
	for _, name := range files {
		path := filepath.Join(top, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if !isInMemory(t, path) {
			t.Skip("the file system keeps no content in memory")
		}
	}
	if err := errors.Join(syncFolder(top), forgetFiles(top)); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if isInMemory(t, filepath.Join(top, name)) {
			t.Errorf("%s is still in memory", name)
		}
	}
}

func TestThePartitionIsWritableOnlyWhileItIsUsed(t *testing.T) {
	device := fatDisk(t)
	seed := shown(t, device)
	v := New(device, nil)
	v.own = filepath.Join(t.TempDir(), "own")
	agent := filepath.Join(t.TempDir(), "agent")
	look := func() {
		t.Helper()
		if err := v.Look(func(top string) error { return os.WriteFile(top+"/x", nil, 0o600) }); !errors.Is(err, unix.EROFS) {
			t.Errorf("it is writable for who only looks: %v", err)
		}
		if isInUse(t, device) {
			t.Error("looking has marked it")
		}
	}
	look()
	write := func(top, name string) error { return os.WriteFile(filepath.Join(top, name), []byte(name), 0o600) }

	if err := v.Acquire(agent); err != nil {
		t.Fatal(err)
	}
	if err := v.Use(func(top string) error { return write(top, "inits") }); err != nil {
		t.Error(err)
	}
	if err := write(agent, "agents"); err != nil {
		t.Errorf("init's use has sealed it for the agent: %v", err)
	}
	if err := write(seed, "x"); !errors.Is(err, unix.EROFS) {
		t.Errorf("the folder that people see can be written: %v", err)
	}
	if !isInUse(t, device) {
		t.Error("it is not marked as in use")
	}
	if err := errors.Join(v.Forget(agent), v.Release(agent)); err != nil {
		t.Error(err)
	}
	if isInUse(t, device) {
		t.Error("it is still marked as in use")
	}
	for _, name := range []string{"inits", "agents"} {
		if text, err := os.ReadFile(filepath.Join(seed, name)); string(text) != name {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if err := unix.Mount("", seed, "", unix.MS_REMOUNT|unix.MS_BIND|mounts.Hard, ""); err != nil {
		t.Fatal(err)
	}
	if err := write(seed, "x"); !errors.Is(err, unix.EROFS) {
		t.Errorf("it is still writable: %v", err)
	}
	if mounted, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounted), agent) || strings.Contains(string(mounted), v.own) {
		t.Errorf("it is still mounted: %s", mounted)
	}
}

func TestAFileThatStaysOpenCostsOnlyPatience(t *testing.T) {
	v := New(fatDisk(t), nil)
	v.own, v.patience = filepath.Join(t.TempDir(), "own"), time.Second
	agent := filepath.Join(t.TempDir(), "agent")
	if err := v.Acquire(agent); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(agent, "open"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Release(agent); !errors.Is(err, unix.EBUSY) {
		t.Errorf("%v", err)
	}
	if err := v.Use(func(top string) error { return os.Mkdir(filepath.Join(top, "later"), 0o700) }); !errors.Is(err, unix.EBUSY) {
		t.Errorf("the next use: %v", err)
	}
	file.Close()
	if err := v.Use(func(string) error { return nil }); err != nil {
		t.Errorf("after the file was closed: %v", err)
	}
}

// Two names of one generation are mended on the file system itself, and fsck finds nothing.
func TestNamesAreMendedOnFAT(t *testing.T) {
	device := fatDisk(t)
	v := New(device, nil)
	v.own = filepath.Join(t.TempDir(), "own")
	names := []string{"kios-0001.conf", "kios-0002+2-1.conf", "kios-0002+3-0.conf"}
	err := v.Use(func(top string) error {
		failed := []error{os.MkdirAll(filepath.Join(top, slots.EntriesDir), 0o700), os.MkdirAll(filepath.Join(top, slots.ImagesDir), 0o700)}
		for _, name := range names {
			e, _ := slots.ParseEntry(name)
			failed = append(failed, os.WriteFile(filepath.Join(top, slots.EntriesDir, name), slots.Content(e.Generation, "0.2.0"), 0o600))
		}
		return errors.Join(failed...)
	})
	if err != nil {
		t.Fatal(err)
	}
	start := slots.Of(slots.Loader{Info: "x", Selected: "kios-0002.conf", Image: `\EFI\kios\0002.efi`})
	err = v.Use(func(top string) error {
		m, err := Read(top)
		d := slots.Decide(start, m)
		for _, step := range append(d.Repair, d.Bless...) {
			err = errors.Join(err, Take(top, step, ""))
		}
		got := entries(t, top)
		if !slices.Equal(got, []string{"kios-0001.conf", "kios-0002.conf"}) || read(t, top, "kios-0002.conf") != string(slots.Content(2, "0.2.0")) {
			t.Errorf("%q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	testdisk.Run(t, "fsck.vfat", "-n", device)
}
