package etclayer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/testroot"
)

// node is a machine's /etc: the image's folder, the data partition's, and the place where the overlay is mounted.
type node struct {
	*testing.T
	image, base, etc string
}

// makeNode needs root, for mounts and for attributes of overlayfs. Everything is on a tmpfs of its own.
func makeNode(t *testing.T) node {
	testroot.MountNamespace(t)
	dir := t.TempDir()
	n := node{t, filepath.Join(dir, "image"), filepath.Join(dir, "base"), filepath.Join(dir, "etc")}
	n.must(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(n.etc, unix.MNT_DETACH); unix.Unmount(dir, unix.MNT_DETACH) })
	for _, folder := range []string{n.image, n.etc, n.base + "/etc", n.base + "/etc.work"} {
		n.must(os.MkdirAll(folder, 0o755))
	}
	return n
}

func (n node) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n node) write(root, name, text string) {
	n.Helper()
	path := filepath.Join(root, name)
	n.must(os.MkdirAll(filepath.Dir(path), 0o755))
	n.must(os.WriteFile(path, []byte(text), 0o644))
}

func (n node) expect(root string, want map[string]string) {
	n.Helper()
	for name, text := range want {
		if got, err := plainfile.Read(root, name, 1<<10); string(got) != text {
			n.Errorf("%s: %q (%v), want %q", name, got, err, text)
		}
	}
}

func (n node) mount() {
	n.Helper()
	n.must(unix.Mount("overlay", n.etc, "overlay", 0, "lowerdir="+n.image+",upperdir="+n.base+"/etc,workdir="+n.base+"/etc.work"))
}

// clean takes at most a moment, whatever the layer holds.
func (n node) clean() Result {
	n.Helper()
	start := time.Now()
	result, err := Clean(n.image, n.base)
	n.must(err)
	if took := time.Since(start); took > time.Second {
		n.Errorf("took %v", took)
	}
	return result
}

func paths(entries []Entry) []string {
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Path)
	}
	return list
}

var shipped = []string{
	"hosts", "passwd", "os-release", "kios/release.json", "ssl/certs/ca-certificates.crt",
	"kubernetes/kubelet.conf.d/00-image.conf", "kubernetes/manifests/dhcp.yaml", "kubernetes/manifests/cni.yaml",
}

func (n node) ship(text string) {
	n.Helper()
	for _, name := range shipped {
		n.write(n.image, name, text)
	}
	os.Remove(n.image + "/resolv.conf")
	n.must(os.Symlink("/"+text, n.image+"/resolv.conf"))
	n.must(os.MkdirAll(n.image+"/cni/net.d", 0o755))
}

func TestAnImageUpdateTakesEffectOverTheLayerOfAnOlderImage(t *testing.T) {
	n := makeNode(t)
	n.ship("old")
	n.write(n.image, "containerd/config.toml", "old")
	n.mount()
	// What a person, a pod and init's own agents did to /etc.
	n.write(n.etc, "passwd", "mine")
	n.write(n.etc, "containerd/config.toml", "mine")
	n.write(n.etc, "ssl/certs/ca-certificates.crt", "mine")
	n.write(n.etc, "hostname", "node-1")
	n.write(n.etc, "machine-id", "1")
	n.write(n.etc, "kubernetes/kubelet.conf", "identity")
	n.write(n.etc, "kubernetes/manifests/dhcp.yaml", "mine")
	n.must(os.Remove(n.etc + "/kubernetes/manifests/cni.yaml"))
	n.must(os.Remove(n.etc + "/hosts"))
	n.must(os.Remove(n.etc + "/resolv.conf"))
	n.write(n.etc, "resolv.conf", "mine")
	n.must(os.RemoveAll(n.etc + "/kios"))
	n.write(n.etc, "kios/bootstrap.yaml", "document")
	n.must(os.RemoveAll(n.etc + "/cni"))
	n.must(unix.Unmount(n.etc, 0))

	n.must(os.RemoveAll(n.image + "/containerd"))
	n.ship("new")
	result := n.clean()
	if got := paths(result.Ignored); !slices.Equal(got, []string{"cni", "hosts", "kios", "passwd", "resolv.conf", "ssl/certs/ca-certificates.crt"}) {
		t.Errorf("ignored %v", got)
	}
	if got := paths(result.Overridden); !slices.Equal(got, []string{"kubernetes/manifests/cni.yaml", "kubernetes/manifests/dhcp.yaml"}) {
		t.Errorf("overridden %v", got)
	}
	n.mount()
	n.expect(n.etc, map[string]string{
		"passwd": "new", "hosts": "new", "kios/release.json": "new", "ssl/certs/ca-certificates.crt": "new", "os-release": "new",
		"hostname": "node-1", "machine-id": "1", "kubernetes/kubelet.conf": "identity", "kios/bootstrap.yaml": "document",
		"kubernetes/manifests/dhcp.yaml": "mine", "kubernetes/manifests/cni.yaml": "",
	})
	if target, err := os.Readlink(n.etc + "/resolv.conf"); target != "/new" {
		t.Errorf("resolv.conf: %q %v", target, err)
	}
	if _, err := os.Stat(n.etc + "/cni/net.d"); err != nil {
		t.Error(err)
	}
	n.expect(n.base+"/etc.ignored", map[string]string{"passwd": "mine", "ssl!certs!ca-certificates.crt": "mine", "resolv.conf": "mine"})
	n.must(unix.Unmount(n.etc, 0))
	if again := n.clean(); again.Ignored != nil || len(again.Overridden) != 2 {
		t.Errorf("the second boot: %+v", again)
	}
}

func TestAHostileLayerReplacesNothingAndStopsNothing(t *testing.T) {
	n := makeNode(t)
	n.ship("image")
	evil := n.base + "/evil"
	for _, name := range []string{"00-image.conf", "certs/ca-certificates.crt"} {
		n.write(evil, name, "evil")
	}
	upper := n.base + "/etc"
	n.must(os.MkdirAll(upper+"/kubernetes/manifests", 0o755))
	n.must(os.Symlink(evil, upper+"/kubernetes/kubelet.conf.d"))
	n.must(os.Symlink(evil, upper+"/ssl"))
	n.must(unix.Mkfifo(upper+"/passwd", 0o644))
	n.must(unix.Mknod(upper+"/os-release", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))) // /dev/zero
	deep := upper + "/hosts"
	for range 200 {
		deep += "/" + strings.Repeat("d", 10)
	}
	n.must(os.MkdirAll(deep, 0o755))
	n.must(os.MkdirAll(upper+"/kios", 0o755))
	n.must(unix.Setxattr(upper+"/kios", "trusted.overlay.redirect", []byte("/kubernetes"), 0))
	n.must(unix.Setxattr(upper+"/kubernetes", "trusted.overlay.opaque", []byte("y"), 0))
	n.must(unix.Setxattr(upper+"/kubernetes/manifests", "trusted.overlay.opaque", []byte("y"), 0))
	// What an earlier boot has put aside is in the way.
	n.write(n.base, "etc.ignored/hosts/full", "older")
	n.write(n.base, "etc.ignored/passwd", "older")

	result := n.clean()
	want := []string{"hosts", "kios", "kubernetes", "kubernetes/kubelet.conf.d", "os-release", "passwd", "ssl"}
	if got := paths(result.Ignored); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("ignored %v", got)
	}
	if got := paths(result.Overridden); !slices.Equal(got, []string{"kubernetes/manifests/cni.yaml", "kubernetes/manifests/dhcp.yaml"}) {
		t.Errorf("overridden %v", got)
	}
	n.mount()
	want2 := map[string]string{}
	for _, name := range shipped {
		if filepath.Dir(name) != overridable {
			want2[name] = "image"
		}
	}
	n.expect(n.etc, want2)
	n.expect(n.base+"/etc.ignored", map[string]string{"hosts/full": "older"})
	n.expect(evil, map[string]string{"00-image.conf": "evil", "certs/ca-certificates.crt": "evil"})
	kept, _ := filepath.Glob(n.base + "/etc.ignored/hosts~*")
	if len(kept) != 1 {
		t.Errorf("the deep folder is at %v", kept)
	}
}

func TestALayerThatCannotBeCleanedIsNotUsed(t *testing.T) {
	n := makeNode(t)
	n.ship("image")
	n.must(os.Rename(n.base+"/etc", n.base+"/elsewhere"))
	n.must(os.Symlink("elsewhere", n.base+"/etc"))
	n.write(n.base, "elsewhere/passwd", "mine")
	if _, err := Clean(n.image, n.base); !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link in place of the layer: %v", err)
	}
	n.expect(n.base, map[string]string{"elsewhere/passwd": "mine"})
	n.must(os.Remove(n.base + "/etc"))
	n.must(os.Rename(n.base+"/elsewhere", n.base+"/etc"))
	n.must(unix.Mount(n.base, n.base, "", unix.MS_BIND, ""))
	n.must(unix.Mount("", n.base, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	defer unix.Unmount(n.base, unix.MNT_DETACH)
	if _, err := Clean(n.image, n.base); !errors.Is(err, unix.EROFS) {
		t.Errorf("a file system that takes no writes: %v", err)
	}
}

// A pod that fills the disk must not keep its file in the place of the image's.
func TestAFullDiskKeepsNoOverride(t *testing.T) {
	n := makeNode(t)
	n.ship("image")
	n.must(unix.Mount("tmpfs", n.base, "tmpfs", 0, "nr_inodes=5"))
	defer unix.Unmount(n.base, unix.MNT_DETACH)
	n.must(os.MkdirAll(n.base+"/etc/ssl", 0o755))
	n.write(n.base, "etc/passwd", "mine")
	for i := 0; ; i++ {
		if err := unix.Mkfifo(filepath.Join(n.base, "fill"+strings.Repeat("l", i)), 0o600); err != nil {
			break
		}
	}
	result := n.clean()
	if len(result.Ignored) != 1 || !result.Ignored[0].Lost {
		t.Errorf("%+v", result)
	}
	if _, err := os.Lstat(n.base + "/etc/passwd"); !os.IsNotExist(err) {
		t.Errorf("the override is still there: %v", err)
	}
}

func TestALayerWithoutAnythingOfTheImagesIsLeftAlone(t *testing.T) {
	n := makeNode(t)
	n.ship("image")
	n.write(n.base, "etc/hostname", "node-1")
	n.write(n.base, "etc/kubernetes/pki/kubelet.key", "key")
	n.write(n.base, "etc/cni/net.d/10-other.conflist", "network")
	// rm -rf and mkdir of a folder in which the image ships nothing.
	n.must(unix.Setxattr(n.base+"/etc/cni/net.d", "trusted.overlay.opaque", []byte("y"), 0))
	if result := n.clean(); result.Ignored != nil || result.Overridden != nil {
		t.Errorf("%+v", result)
	}
	if _, err := os.Lstat(n.base + "/etc.ignored"); !os.IsNotExist(err) {
		t.Errorf("a folder was made for nothing: %v", err)
	}
}
