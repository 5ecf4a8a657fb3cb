// Package mounts holds the host's mount table and mounts its rows.
package mounts

import (
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
)

// Mount is one row. A bind mount (MS_BIND) has its hardening flags in the same row, although the kernel needs two
// calls.
type Mount struct {
	Source, Target, FS string
	Flags              uintptr
	Data               string
	// Optional rows are skipped where the kernel lacks the file system or the firmware interface.
	Optional bool
}

const (
	// Hard holds the flags of every mount that has no reason for weaker ones.
	Hard  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	noDev = unix.MS_NOSUID | unix.MS_NODEV

	// FAT are the options of the EFI system partition. All mounts of it share those of the first one. A name that init
	// removes may have a cluster that is free already, and that must not make the partition read-only.
	FAT = "errors=continue"
)

// API lists every kernel interface and scratch file system, in order. No row depends on a disk.
var API = []Mount{
	{"proc", "/proc", "proc", Hard, "", false},
	{"sysfs", "/sys", "sysfs", Hard, "", false},
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=0755", false},
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666", false},
	{"tmpfs", "/dev/shm", "tmpfs", Hard, "mode=1777", false},
	{"mqueue", "/dev/mqueue", "mqueue", Hard, "", true},
	{"tmpfs", "/run", "tmpfs", Hard, "mode=0755", false},
	{"tmpfs", "/tmp", "tmpfs", Hard, "mode=1777", false},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", Hard, "nsdelegate,memory_recursiveprot", false},
	{"bpf", "/sys/fs/bpf", "bpf", Hard, "mode=0700", true},
	// Tracing tools look here. Adding probes takes no capability, so that nobody but root may even look for files in it.
	{"tracefs", "/sys/kernel/tracing", "tracefs", Hard, "mode=0700", true},
	{"securityfs", "/sys/kernel/security", "securityfs", Hard, "", true},
	{"efivarfs", "/sys/firmware/efi/efivars", "efivarfs", Hard | unix.MS_RDONLY, "", true},
}

// ForConsoles mounts what finding a console takes, for a fault before the API table. Where it is mounted already, the
// kernel refuses to mount it again.
func ForConsoles() {
	for _, m := range API {
		if m.Target == "/sys" || m.Target == "/dev" {
			unix.Mount(m.Source, m.Target, m.FS, m.Flags, m.Data)
		}
	}
}

// Root makes /bin the only folder of the host's root from which programs can be executed.
var Root = []Mount{
	{"", "/", "", unix.MS_REC | unix.MS_SHARED, "", false},                               // kubelet and containerd propagate mounts to containers
	{"/bin", "/bin", "", unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | noDev, "", false}, // with stage 1's mount of init
	{"", "/", "", unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | Hard, "", false},
}

// RAM returns the row that replaces the data partition at target by RAM, of size bytes at most.
func RAM(target string, size uint64) Mount {
	return Mount{"tmpfs", target, "tmpfs", Hard, "mode=0700,size=" + strconv.FormatUint(size, 10), false}
}

// State returns the table for persistent state on the file system at base.
func State(base string) []Mount {
	meta, data := base+"/meta", base+"/data"
	overlay := "lowerdir=/etc,upperdir=" + meta + "/etc,workdir=" + meta + "/etc.work"
	table := []Mount{
		// Without this row every volume that kubelet mounts would appear a second time below base.
		{"", base, "", unix.MS_PRIVATE, "", false},
		{"overlay", "/etc", "overlay", Hard, overlay, false},
	}
	for _, dir := range Persistent {
		// Storage operators put programs beside their data and run them from there.
		table = append(table, Mount{data + dir.Path, dir.Path, "", unix.MS_BIND | noDev, "", false})
	}
	return append(table, []Mount{
		{meta + "/log", "/var/log", "", unix.MS_BIND | Hard, "", false},
		{data + "/containerd", "/var/lib/containerd", "", unix.MS_BIND | Hard, "", false},
		{data + "/kubelet", "/var/lib/kubelet", "", unix.MS_BIND | noDev, "", false}, // volumes may hold programs
		{data + "/kios", "/var/lib/kios", "", unix.MS_BIND | Hard, "", false},
		{data + "/kios/credential-providers", "/var/lib/kios/credential-providers", "", unix.MS_BIND | noDev, "", false}, // kubelet runs them
		{data + "/cni", "/opt/cni", "", unix.MS_BIND | noDev, "", false},                                                 // containerd runs the plugins
	}...)
}

// WithoutMissing returns the rows with RAM in place of the folders that do not exist.
func WithoutMissing(table []Mount) []Mount {
	table = slices.Clone(table)
	for i, m := range table {
		if _, err := os.Stat(m.Source); m.Flags&unix.MS_BIND != 0 && errors.Is(err, os.ErrNotExist) {
			// Its target may lie on the same full file system.
			table[i] = Mount{"tmpfs", m.Target, "tmpfs", m.Flags &^ unix.MS_BIND, "mode=0755,size=10%", true}
		}
	}
	return table
}

// Persistent are the folders of the host whose content pods expect after a reboot. Each lies in the folder data, under
// its own name.
var Persistent = []Dir{
	{"/var", 0o755}, {"/opt", 0o755}, {"/mnt", 0o755}, {"/srv", 0o755}, {"/home", 0o755}, {"/root", 0o700},
	{"/usr/libexec", 0o755}, {"/usr/local", 0o755}, {"/usr/share", 0o755},
}

// StateDirs returns the folders that State needs below base. Those in which other rows have their mount point are among
// them.
func StateDirs(base string) []Dir {
	data := base + "/data"
	dirs := []Dir{
		{base + "/meta", 0o755}, {base + "/meta/etc", 0o755}, {base + "/meta/etc.work", 0o700}, {base + "/meta/log", 0o755}, {base + "/meta/boots", 0o755},
		{data, 0o755}, {data + "/containerd", 0o700}, {data + "/kubelet", 0o750}, {data + "/kios", 0o755},
		{data + "/kios/credential-providers", 0o755}, {data + "/cni", 0o755},
	}
	for _, dir := range Persistent {
		dirs = append(dirs, Dir{data + dir.Path, dir.Mode})
	}
	return append(dirs,
		Dir{data + "/var/tmp", 0o777 | os.ModeSticky}, Dir{data + "/var/log", 0o755}, Dir{data + "/var/lib", 0o755},
		Dir{data + "/var/lib/containerd", 0o755}, Dir{data + "/var/lib/kubelet", 0o755}, Dir{data + "/var/lib/kios", 0o755},
		Dir{data + "/opt/cni", 0o755},
	)
}

// Dir is a folder to make before the first pod starts.
type Dir struct {
	Path string
	Mode os.FileMode
}

// MakeDirs makes the folders that do not exist. Existing ones keep their mode; anything else in their place gets
// another name.
func MakeDirs(dirs []Dir) error {
	for _, dir := range dirs {
		if err := makeDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func makeDir(dir Dir) error {
	switch info, err := os.Lstat(dir.Path); {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		// A pod that writes to a folder of the host can leave a file or a link there.
		if err := os.Rename(dir.Path, dir.Path+"~"+rand.Text()[:8]); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir.Path, dir.Mode.Perm()); err != nil {
		return err
	}
	if dir.Mode == dir.Mode.Perm() {
		return nil
	}
	return os.Chmod(dir.Path, dir.Mode) // the umask takes what a folder for everybody needs
}

// Apply mounts the rows of a table in order. When the kernel does not know a file system, loadFS may load its module,
// and the row is tried once more.
func Apply(table []Mount, loadFS func(name string) error) error {
	for _, m := range table {
		if err := One(m, loadFS); err != nil && !m.Optional {
			return fault.New(fault.Mount, "mount "+m.Target, "Check that the kernel has "+m.FS+" and the root has the mount point.", err)
		}
	}
	return nil
}

// One mounts one row like Apply, but its error has no code.
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

// makeTarget makes a missing mount point, except for efivarfs. In the read-only root the mount points exist already.
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
