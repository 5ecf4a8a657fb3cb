package mounts

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testroot"
	"kios.dev/init/internal/testvector"
)

func TestOnlyNamedMountsCanHoldProgramsOrDevices(t *testing.T) {
	executable := map[string]bool{"/bin": true, "/var/lib/kubelet": true, "/var/lib/kios/credential-providers": true, "/opt/cni": true}
	for _, dir := range Persistent {
		executable[dir.Path] = true
	}
	devices := map[string]bool{"/dev": true, "/dev/pts": true}
	for _, m := range append(append(append([]Mount{}, API...), Root[1:]...), State("/d")[1:]...) {
		if m.Flags&unix.MS_NOSUID == 0 {
			t.Errorf("%s honours set-user-ID", m.Target)
		}
		if (m.Flags&unix.MS_NOEXEC == 0) != executable[m.Target] {
			t.Errorf("%s: executable %v", m.Target, !executable[m.Target])
		}
		if (m.Flags&unix.MS_NODEV == 0) != devices[m.Target] {
			t.Errorf("%s: devices %v", m.Target, !devices[m.Target])
		}
	}
}

func TestTheFoldersOfPodsAreThoseThatTheBuildAndTheProbesKnow(t *testing.T) {
	rows := testvector.Read[[]struct{ Path, Mode string }](t, "persistent.json")
	var known []Dir
	for _, row := range rows {
		mode, err := strconv.ParseUint(row.Mode, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, Dir{row.Path, os.FileMode(mode)})
	}
	if !slices.Equal(Persistent, known) {
		t.Errorf("%v, not %v", Persistent, known)
	}
}

func TestEverySourceOfStateIsCreated(t *testing.T) {
	made := map[string]bool{}
	for _, dir := range StateDirs("/d") {
		made[dir.Path] = true
	}
	for _, m := range State("/d") {
		if m.Flags&unix.MS_BIND != 0 && !made[m.Source] {
			t.Errorf("%s is not made", m.Source)
		}
		for _, option := range strings.Split(m.Data, ",") {
			if _, path, ok := strings.Cut(option, "="); ok && strings.HasPrefix(path, "/d/") && !made[path] {
				t.Errorf("%s is not made", path)
			}
		}
	}
}

func TestRAMStandsInForAFolderThatHasNoRoom(t *testing.T) {
	base := t.TempDir()
	if err := MakeDirs(StateDirs(base)); err != nil {
		t.Fatal(err)
	}
	table := State(base)
	if got := WithoutMissing(table); !reflect.DeepEqual(got, table) {
		t.Errorf("nothing is missing: %v", got)
	}
	if err := os.Remove(base + "/data/cni"); err != nil {
		t.Fatal(err)
	}
	for i, row := range WithoutMissing(table) {
		if row.Target == "/opt/cni" {
			if row.FS != "tmpfs" || row.Flags != noDev || !row.Optional {
				t.Errorf("%+v", row)
			}
		} else if !reflect.DeepEqual(row, table[i]) {
			t.Errorf("%+v", row)
		}
	}
}

func TestWhatAPodLeftInTheWayOfAFolderGetsAnotherName(t *testing.T) {
	base := t.TempDir()
	dirs := StateDirs(base)
	if err := os.MkdirAll(base+"/data/var", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere", base+"/data/var/lib"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(base+"/data/opt", []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	var told []string
	if err := MakeDirs(dirs, func(path string) { told = append(told, path) }); err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		info, err := os.Lstat(dir.Path)
		if err != nil || !info.IsDir() {
			t.Errorf("%s: %v %v", dir.Path, info, err)
		}
	}
	if info, _ := os.Stat(base + "/data/var/tmp"); info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("/var/tmp: %v", info.Mode())
	}
	aside, err := filepath.Glob(base + "/data/opt~*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("%v %v", aside, err)
	}
	if !slices.Contains(told, aside[0]) || len(told) != 2 {
		t.Errorf("told of %v", told)
	}
	if content, _ := os.ReadFile(aside[0]); string(content) != "kept" {
		t.Errorf("%q", content)
	}
}

func inMountNamespace(t *testing.T) string {
	testroot.MountNamespace(t)
	dir := t.TempDir()
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestAModuleIsLoadedOnceAndTheMountTriedAgain(t *testing.T) {
	dir := inMountNamespace(t)
	asked := []string{}
	load := func(name string) error { asked = append(asked, name); return nil }
	err := One(Mount{Source: "none", Target: dir, FS: "nosuchfs"}, load)
	if !errors.Is(err, unix.ENODEV) || len(asked) != 1 || asked[0] != "nosuchfs" {
		t.Errorf("%v %v", err, asked)
	}
	if err := Apply([]Mount{{Source: "none", Target: dir, FS: "nosuchfs", Optional: true}}, nil); err != nil {
		t.Errorf("an optional row failed the table: %v", err)
	}
}

func TestStateIsPrivateSoThatVolumesAppearOnce(t *testing.T) {
	root := inMountNamespace(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.Mount("tmpfs", root, "tmpfs", 0, ""))
	must(unix.Mount("", root, "", unix.MS_SHARED, ""))
	base, seen := filepath.Join(root, "base"), filepath.Join(root, "seen")
	must(Apply([]Mount{RAM(base, 1<<20)}, nil))
	var fs unix.Statfs_t
	must(unix.Statfs(base, &fs))
	if size := fs.Blocks * uint64(fs.Bsize); size != 1<<20 {
		t.Errorf("state in RAM may take %d bytes", size)
	}
	must(MakeDirs(StateDirs(base)))
	private := State(base)[0]
	bind := Mount{Source: base + "/data/kubelet", Target: seen, Flags: unix.MS_BIND | noDev}
	must(Apply([]Mount{private, bind}, nil))
	must(os.Mkdir(seen+"/volume", 0o755))
	must(unix.Mount("tmpfs", seen+"/volume", "tmpfs", 0, ""))
	table, err := os.ReadFile("/proc/thread-self/mounts")
	must(err)
	if n := strings.Count(string(table), "/volume "); n != 1 {
		t.Errorf("the volume is mounted %d times", n)
	}
}
