// Package traceguard keeps every process from tracing init, also those of root: it attaches two BPF programs to the
// kernel's security hooks. Other processes may be traced by whoever has CAP_SYS_PTRACE (kernel.yama.ptrace_scope=2).
package traceguard

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// layoutFile is the layout of the kernel that is in one file with the root. Reading the kernel's own type information,
// which has 5 MB, would take 0.05 s of a processor at 1 GIPS.
const layoutFile = "/lib/kios/kernel-layout.json"

// Attach refuses access to init's memory and descriptors from now on. No process can take that back: the kernel has no
// way to detach such a program while init, which is never traced, holds it open. The first program refuses whoever
// would trace init. The second refuses to open kernel.ftrace_enabled for writing, which would turn off both. The error
// is os.ErrNotExist where the build found that the kernel cannot attach programs.
func Attach(kernel string) error {
	l, err := readLayout(layoutFile, kernel)
	if err != nil {
		return err
	}
	return errors.Join(
		attach(l, "bpf_lsm_ptrace_access_check", tracing),
		attach(l, "bpf_lsm_file_open", ftraceSwitch),
	)
}

// attach loads a program for a hook and attaches it for good.
func attach(kernel layout, hook string, program func(layout) ([]instruction, error)) error {
	target, err := kernel.function(hook)
	if err != nil {
		return err
	}
	code, err := program(kernel)
	if err != nil {
		return err
	}
	loaded, err := load(target, code)
	if err != nil {
		return fmt.Errorf("load the program for %s: %w", hook, err)
	}
	defer unix.Close(loaded)
	if _, err := bpf(unix.BPF_RAW_TRACEPOINT_OPEN, &openAttributes{program: uint32(loaded)}); err != nil {
		return fmt.Errorf("attach to %s: %w", hook, err)
	}
	return nil
}

// loadAttributes and openAttributes are `union bpf_attr` of bpf(2) for two of its commands.
type loadAttributes struct {
	kind, count   uint32
	code, license uint64
	_             [44]byte
	attachKind    uint32
	_             [36]byte
	target        uint32
	_             [40]byte
}

type openAttributes struct {
	name    uint64
	program uint32
	_       [140]byte
}

func load(target uint32, code []instruction) (int, error) {
	license := []byte("GPL\x00") // the kernel attaches only such programs to its security hooks
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&code[0])
	pinned.Pin(&license[0])
	return bpf(unix.BPF_PROG_LOAD, &loadAttributes{
		kind: unix.BPF_PROG_TYPE_LSM, attachKind: unix.BPF_LSM_MAC, target: target,
		count: uint32(len(code)), code: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	})
}

// tries bounds how often a command is given that a signal interrupts.
const tries = 1000

// bpf gives the kernel a command of bpf(2), again as long as a signal interrupts it.
func bpf[Attributes loadAttributes | openAttributes](command int, attributes *Attributes) (int, error) {
	return uninterrupted(func() (int, error) {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(unsafe.Pointer(attributes)), unsafe.Sizeof(*attributes))
		if errno != 0 {
			return 0, errno
		}
		return int(fd), nil
	})
}

// uninterrupted repeats a command that fails with EAGAIN. The kernel stops verifying a program when its thread has a
// signal (do_check of kernel/bpf/verifier.c), and the Go runtime sends one to a thread that runs for 10 ms. The signal
// is handled before the next try.
func uninterrupted(command func() (int, error)) (fd int, err error) {
	for range tries {
		if fd, err = command(); !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
	return 0, err
}
