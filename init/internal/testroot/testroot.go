// Package testroot gives tests what only root has.
package testroot

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Require skips a test without root, or fails it where KIOS_REQUIRE_ROOT says that root is there.
func Require(t *testing.T, why string) {
	t.Helper()
	if os.Getuid() != 0 {
		Skip(t, "needs root for "+why)
	}
}

// Program returns the path of a program of a Debian package, or skips the test.
func Program(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(t, "needs Debian's "+debian)
	}
	return path
}

// Skip skips a test that cannot run here, or fails it where KIOS_REQUIRE_ROOT says that each can.
func Skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KIOS_REQUIRE_ROOT") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// MountNamespace moves the test into a mount namespace of its own.
func MountNamespace(t *testing.T) {
	t.Helper()
	Require(t, "a mount namespace")
	runtime.LockOSThread() // never unlocked: the thread ends with the test, and its namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
}
