// Package mounts holds the host's mount table and carries it out.
package mounts

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
)

// Mount is one row. A bind mount (MS_BIND) takes its hardening flags in the same row, although the kernel wants two calls.
type Mount struct {
	Source, Target, FS string
	Flags              uintptr
	Data               string
	// Optional rows are left out where the kernel lacks the file system or the firmware interface.
	Optional bool
}

const (
	// Hard is what every mount gets unless it has a reason.
	Hard  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	noDev = unix.MS_NOSUID | unix.MS_NODEV
)

// API is every kernel interface and scratch file system, in order. Nothing here depends on a disk.
var API = []Mount{
	{"proc", "/proc", "proc", Hard, "", false},
	{"sysfs", "/sys", "sysfs", Hard, "", false},
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=0755", false},
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666", false},
	{"tmpfs", "/dev/shm", "tmpfs", Hard, "mode=1777", false},
	{"mqueue", "/dev/mqueue", "mqueue", Hard, "", true},
	{"tmpfs", "/run", "tmpfs", Hard, "mode=0755", false},
	{"tmpfs", "/tmp", "tmpfs", Hard, "mode=1777", false},
	{"tmpfs", "/var", "tmpfs", Hard, "mode=0755", false},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", Hard, "nsdelegate,memory_recursiveprot", false},
	{"bpf", "/sys/fs/bpf", "bpf", Hard, "mode=0700", true},
	{"securityfs", "/sys/kernel/security", "securityfs", Hard, "", true},
	{"efivarfs", "/sys/firmware/efi/efivars", "efivarfs", Hard | unix.MS_RDONLY, "", true},
}

// Root makes /bin the only place of the host's root that anything can be executed from.
var Root = []Mount{
	{"", "/", "", unix.MS_REC | unix.MS_SHARED, "", false}, // kubelet and containerd pass mounts on to containers
	{"/bin", "/bin", "", unix.MS_BIND | unix.MS_RDONLY | noDev, "", false},
	{"", "/", "", unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | Hard, "", false},
}

// RAM stands in for the data partition at target.
func RAM(target string) Mount {
	return Mount{"tmpfs", target, "tmpfs", Hard, "mode=0700,size=80%", false}
}

// State is the table for persistent state from the file system at base.
func State(base string) []Mount {
	meta, data := base+"/meta", base+"/data"
	overlay := "lowerdir=/etc,upperdir=" + meta + "/etc,workdir=" + meta + "/etc.work"
	return []Mount{
		// Else every volume that kubelet mounts would show up a second time below base.
		{"", base, "", unix.MS_PRIVATE, "", false},
		{"overlay", "/etc", "overlay", Hard, overlay, false},
		{meta + "/log", "/var/log", "", unix.MS_BIND | Hard, "", false},
		{data + "/containerd", "/var/lib/containerd", "", unix.MS_BIND | Hard, "", false},
		{data + "/kubelet", "/var/lib/kubelet", "", unix.MS_BIND | noDev, "", false}, // volumes may hold programs
		{data + "/kios", "/var/lib/kios", "", unix.MS_BIND | Hard, "", false},
		{data + "/kios/credential-providers", "/var/lib/kios/credential-providers", "", unix.MS_BIND | noDev, "", false}, // kubelet runs them
		{data + "/cni", "/opt/cni", "", unix.MS_BIND | noDev, "", false},                                                 // containerd runs the plugins
	}
}

// StateDirs are the folders that State needs under base, with their modes.
func StateDirs(base string) []Dir {
	return []Dir{
		{base + "/meta", 0o755}, {base + "/meta/etc", 0o755}, {base + "/meta/etc.work", 0o700}, {base + "/meta/log", 0o755},
		{base + "/data", 0o755}, {base + "/data/containerd", 0o700}, {base + "/data/kubelet", 0o750},
		{base + "/data/kios", 0o755}, {base + "/data/kios/credential-providers", 0o755}, {base + "/data/cni", 0o755},
	}
}

// Dir is a folder to make before a pod could look for it.
type Dir struct {
	Path string
	Mode os.FileMode
}

// MakeDirs makes the folders; those that are there keep their mode.
func MakeDirs(dirs []Dir) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir.Path, dir.Mode); err != nil {
			return err
		}
	}
	return nil
}

// Apply carries out a table. When the kernel does not know a file system, loadFS may bring its module; then it is tried once more.
func Apply(table []Mount, loadFS func(name string) error) error {
	for _, m := range table {
		if err := One(m, loadFS); err != nil && !m.Optional {
			return fault.New(fault.Mount, "mount "+m.Target, "check that the kernel has "+m.FS+" and the root has the mount point", err)
		}
	}
	return nil
}

// One carries out one row, without an error code of its own.
func One(m Mount, loadFS func(name string) error) error {
	if err := makeTarget(m); err != nil {
		return err
	}
	err := mount(m)
	if errors.Is(err, unix.ENODEV) && m.FS != "" && loadFS != nil {
		if err := loadFS(m.FS); err != nil {
			return err
		}
		err = mount(m)
	}
	return err
}

// makeTarget makes missing mount points where that is possible; in the read-only root they are there already.
func makeTarget(m Mount) error {
	if _, err := os.Stat(m.Target); err == nil || m.Optional && m.FS == "efivarfs" {
		return err
	}
	return os.MkdirAll(m.Target, 0o755)
}

func mount(m Mount) error {
	if m.Flags&unix.MS_BIND == 0 || m.Flags&unix.MS_REMOUNT != 0 {
		return unix.Mount(m.Source, m.Target, m.FS, m.Flags, m.Data)
	}
	if err := unix.Mount(m.Source, m.Target, "", m.Flags&(unix.MS_BIND|unix.MS_REC), ""); err != nil {
		return err
	}
	if hard := m.Flags &^ (unix.MS_BIND | unix.MS_REC); hard != 0 {
		return unix.Mount("", m.Target, "", hard|unix.MS_BIND|unix.MS_REMOUNT, "")
	}
	return nil
}
