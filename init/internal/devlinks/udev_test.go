//go:build udev

package devlinks

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/volume"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loadModules loads the drivers that are no part of the kernel. The variable names files in order.
func loadModules(t *testing.T) {
	t.Helper()
	for _, path := range strings.Fields(os.Getenv("KIOS_UDEV_MODULES")) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
			t.Fatalf("load %s: %v", path, err)
		}
		file.Close()
	}
}

// runUdev has udev of a root folder make its links, and ends it.
func runUdev(t *testing.T, root string) {
	t.Helper()
	for _, folder := range []string{"proc", "sys", "dev", "run", "etc"} {
		target := filepath.Join(root, folder)
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if folder == "etc" {
			continue
		}
		if err := unix.Mount("/"+folder, target, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"passwd": "root:x:0:0::/:/bin/false\n", "group": "root:x:0:\ndisk:x:6:\ncdrom:x:24:\ntty:x:5:\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// It is a daemon by its name.
	if err := os.Symlink("../../bin/udevadm", filepath.Join(root, "usr/lib/systemd/systemd-udevd")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"/usr/lib/systemd/systemd-udevd", "--daemon"},
		{"/usr/bin/udevadm", "trigger", "--action=add", "--subsystem-match=block", "--subsystem-match=scsi", "--subsystem-match=usb", "--subsystem-match=nvme"},
		{"/usr/bin/udevadm", "settle"},
		{"/usr/bin/udevadm", "control", "--exit"},
	} {
		run := exec.Command(command[0], command[1:]...)
		run.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		run.Dir, run.Env = "/", []string{"SYSTEMD_IGNORE_CHROOT=1"} // else it does nothing, and says that all went well
		if output, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, output)
		}
	}
}

func linksIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type()&os.ModeSymlink != 0 {
			target, _ := os.Readlink(path)
			found[strings.TrimPrefix(path, folder+"/")] = filepath.Base(target)
		}
		return nil
	})
	return found
}

// TestOnAMachineWithUdev runs in a guest (os/test/e2e/device-links.test.ts): it has udev make its links, records them,
// compares, and then keeps the links in udev's place while a disk is formatted and another goes.
func TestOnAMachineWithUdev(t *testing.T) {
	loadModules(t)
	await(t, "the last disk", func() bool { return exists("/sys/class/block/" + os.Getenv("KIOS_UDEV_LAST")) })
	runUdev(t, os.Getenv("KIOS_UDEV_ROOT"))
	devices := Snapshot("/sys")
	for _, device := range devices {
		readAll(device.disk().Name, []*Device{device})[device.Name].describe(device)
	}
	udev := linksIn(t, "/dev/disk")
	for _, device := range devices {
		pages(device, func(page string) string { return hex.EncodeToString([]byte(page)) })
	}
	data, err := json.MarshalIndent(recorded{devices, udev}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("KIOS_UDEV_RECORD"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		pages(device, unhex)
	}
	compare(t, devices, udev)
	os.RemoveAll("/dev/disk")
	started := time.Now()
	go Keep(func(err error) { t.Error(err) })
	await(t, "the first links", func() bool { return len(linksIn(t, "/dev/disk")) >= len(Links(devices, nil)) })
	t.Logf("%d links of %d devices after %v", len(linksIn(t, "/dev/disk")), len(devices), time.Since(started))
	device := os.Getenv("KIOS_UDEV_DEVICE")
	old, err := os.OpenFile("/dev/"+device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	super := make([]byte, 1024)
	copy(super[56:], "\x53\xef")
	copy(super[104:], "renewed while on")
	copy(super[120:], "again")
	if _, err := old.WriteAt(make([]byte, 1<<17), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := old.WriteAt(super, 1024); err != nil {
		t.Fatal(err)
	}
	old.Close()
	want := volume.Content{Kind: "ext4", UUID: "72656e65-7765-6420-7768-696c65206f6e", Label: "again"}
	await(t, "the link of a new file system", func() bool {
		links := linksIn(t, "/dev/disk")
		return links["by-uuid/"+want.UUID] == device && links["by-label/"+want.Label] == device
	})
	os.WriteFile("/sys/block/"+os.Getenv("KIOS_UDEV_GONE")+"/device/delete", []byte("1"), 0o200)
	await(t, "a disk's links to go with it", func() bool {
		for _, target := range linksIn(t, "/dev/disk") {
			if strings.HasPrefix(target, os.Getenv("KIOS_UDEV_GONE")) {
				return false
			}
		}
		return true
	})
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %v", what, linksIn(t, "/dev/disk"))
		}
	}
}
