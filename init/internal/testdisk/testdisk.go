// Package testdisk gives tests real file systems and disks, on files.
package testdisk

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kios.dev/init/internal/testroot"
)

// Require skips a test that cannot have loop devices, or fails it where they are required. The test gets a mount
// namespace of its own.
func Require(t *testing.T) {
	t.Helper()
	testroot.Require(t, "loop devices")
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		testroot.Skip(t, "needs loop devices")
	}
	testroot.MountNamespace(t)
}

// Run runs a program and returns its output.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

// Attach makes a file a device for the length of the test.
func Attach(t *testing.T, file string) (device string) {
	t.Helper()
	device = Run(t, "losetup", "--find", "--show", file)
	t.Cleanup(func() { exec.Command("losetup", "--detach", device).Run() })
	return device
}

// AttachDisk attaches a file with a partition table. The kernel of a test machine may know none, so partx(8) reads it.
func AttachDisk(t *testing.T, file string) (device string) {
	t.Helper()
	device = Attach(t, file)
	Run(t, "partx", "--update", device)
	t.Cleanup(func() { exec.Command("partx", "--delete", device).Run() })
	return device
}

// Ext4 returns a device with a new file system of some MiB, made with these options of mke2fs(8).
func Ext4(t *testing.T, mebibytes int64, options ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ext4")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, mebibytes<<20); err != nil {
		t.Fatal(err)
	}
	Run(t, "mke2fs", append(append([]string{"-q", "-F", "-t", "ext4"}, options...), file)...)
	return Attach(t, file)
}
