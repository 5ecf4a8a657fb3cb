package shutdown

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

const (
	data  = "/lib/kios/data"
	share = "/var/lib/kubelet/pods/x/share"
	upper = "/run/containerd/x/rootfs"
	plain = "/var/lib/kubelet/pods/x/plain"
)

var table = []Mounted{
	{share, "nfs4", "192.0.2.1:/a", "0:60"}, {upper, "overlay", "overlay", "0:55"}, {plain, "ext4", "/dev/sda", "8:0"},
	{"/var/lib/kubelet", "ext4", "/dev/vda2", "253:2"}, {data, "ext4", "/dev/vda2", "253:2"},
}

// kernel answers like one whose mounts are busy or stuck as long as their servers do not reply.
type kernel struct {
	mu          sync.Mutex
	busy, stuck map[string]bool
	lost        map[string]bool   // what is stuck when it is sealed, too
	slow        map[string]string // what takes a second, and in what it is mounted
	did         []string
}

func (k *kernel) note(format string, words ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.did = append(k.did, fmt.Sprintf(format, words...))
}

func (k *kernel) unmount(target string, flags int) error {
	if k.stuck[target] && flags == 0 {
		time.Sleep(time.Hour)
	}
	if k.slow[target] != "" {
		time.Sleep(time.Second)
	}
	k.note("unmount %s %d", target, flags)
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.busy, k.slow[target])
	if k.busy[target] && flags != unix.MNT_DETACH {
		return unix.EBUSY
	}
	return nil
}

func (k *kernel) seal(target string) error {
	if k.lost[target] {
		time.Sleep(time.Hour)
	}
	k.note("seal %s", target)
	return nil
}

func TestAServerThatDoesNotReplyHoldsUpNoDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kernel{stuck: map[string]bool{share: true, plain: true}, busy: map[string]bool{share: true}}
		start := time.Now()
		if err := unmountAll(table, k.unmount, k.seal); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != remotePatience+diskPatience {
			t.Errorf("took %v", took)
		}
		want := []string{
			"unmount " + share + " 1", "unmount " + share + " 2", "unmount " + upper + " 0", "seal " + plain, "unmount " + plain + " 2",
			"unmount /var/lib/kubelet 0", "unmount " + data + " 0",
		}
		k.mu.Lock()
		if !reflect.DeepEqual(k.did, want) {
			t.Errorf("%s", strings.Join(k.did, "\n"))
		}
		k.mu.Unlock()
		time.Sleep(2 * time.Hour) // the stuck ones end
	})
}

// A storage network that is gone takes the disks of all volumes at once.
func TestManyDisksThatDoNotReplyLeaveTimeForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kernel{stuck: map[string]bool{}, lost: map[string]bool{}}
		var many []Mounted
		for i := range 5 {
			target := fmt.Sprint("/mnt/", i)
			k.stuck[target], k.lost[target] = true, true
			many = append(many, Mounted{target, "ext4", fmt.Sprint("/dev/sd", i), fmt.Sprint("8:", i)})
		}
		start := time.Now()
		unmountAll(append(many, table[4]), k.unmount, k.seal)
		if took := time.Since(start); took >= UnmountLimit {
			t.Errorf("took %v", took)
		}
		k.mu.Lock()
		if !slices.Contains(k.did, "unmount "+data+" 0") {
			t.Errorf("%q", k.did)
		}
		k.mu.Unlock()
		time.Sleep(2 * time.Hour) // the stuck ones end
	})
}

func TestManyServersShareOnePatienceAndHarmNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kernel{stuck: map[string]bool{}}
		var many []Mounted
		for i := range 50 {
			target := fmt.Sprint("/mnt/", i)
			k.stuck[target] = true
			many = append(many, Mounted{target, "fuse.x", "x", "0:70"})
		}
		start := time.Now()
		unmountAll(append(many, Mounted{"/mnt/living", "nfs4", "192.0.2.1:/a", "0:71"}), k.unmount, k.seal)
		if took := time.Since(start); took != remotePatience {
			t.Errorf("took %v", took)
		}
		time.Sleep(2 * time.Hour) // the stuck ones end
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, did := range k.did {
			if did == "unmount /mnt/living 1" {
				t.Error("a server that replies lost its requests")
			}
		}
	})
}

func TestAServerThatRepliesIsUnmountedAfterWhatWasInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const inner, used = share + "/inner", "/mnt/used"
		k := &kernel{slow: map[string]string{inner: share}, busy: map[string]bool{share: true, used: true}}
		var mounted []Mounted
		for _, target := range []string{inner, share, used} {
			mounted = append(mounted, Mounted{target, "nfs4", "192.0.2.1:/a", "0:60"})
		}
		if err := unmountAll(mounted, k.unmount, k.seal); err != nil {
			t.Error(err)
		}
		slices.Sort(k.did[:2]) // at one time
		want := []string{
			"unmount " + used + " 0", "unmount " + share + " 0", "unmount " + inner + " 0",
			"unmount " + share + " 0", "unmount " + used + " 0", "unmount " + used + " 2",
		}
		if !reflect.DeepEqual(k.did, want) {
			t.Errorf("%s", strings.Join(k.did, "\n"))
		}
	})
}

func TestABusyDiskIsSealed(t *testing.T) {
	k := &kernel{busy: map[string]bool{data: true}}
	if err := unmountAll(table[3:], k.unmount, k.seal); err != nil {
		t.Error(err)
	}
	want := []string{"unmount /var/lib/kubelet 0", "unmount " + data + " 0", "seal " + data, "unmount " + data + " 2"}
	if !reflect.DeepEqual(k.did, want) {
		t.Errorf("%s", strings.Join(k.did, "\n"))
	}
	failing := func(string) error { return unix.EROFS }
	if err := unmountAll(table[4:], k.unmount, failing); err == nil || !strings.Contains(err.Error(), data) {
		t.Error(err)
	}
}

func TestEachDiskIsWrittenOutOnce(t *testing.T) {
	if got := onDisks(append(table, Mounted{"/mnt/x", "fuseblk", "/dev/sdb", "8:16"})); !reflect.DeepEqual(got, []Mounted{table[2], table[3]}) {
		t.Errorf("%v", got)
	}
}
