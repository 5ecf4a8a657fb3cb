package sysctl

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestSettingsConfIsWellFormedAndNamesEachSettingOnce(t *testing.T) {
	rows, err := parse(text)
	if err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.Name] {
			t.Errorf("%s has two rows", row.Name)
		}
		seen[row.Name] = true
	}
	if len(rows) == 0 {
		t.Error("no rows")
	}
}

func TestEverySettingIsAppliedEitherAtBootOrAfterTheStart(t *testing.T) {
	late := AfterStart()
	if len(late) != len(afterStart) {
		t.Errorf("settings.conf has %d of the late settings %v", len(late), afterStart)
	}
	if got, want := len(AtBoot())+len(late), len(settings()); got != want {
		t.Errorf("%d rows are applied, %d are in settings.conf", got, want)
	}
}

func TestParseReadsRowsInOrderAndSkipsComments(t *testing.T) {
	rows, err := parse("# a.b = 1\n\nkernel.modprobe =\n  vm.x=1 # 2  \nnet.ipv4.y_1 = a = b\nfs.file-max = 3")
	want := []Setting{{"kernel/modprobe", ""}, {"vm/x", "1 # 2"}, {"net/ipv4/y_1", "a = b"}, {"fs/file-max", "3"}}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("%q %v", rows, err)
	}
}

func TestParseNamesTheMalformedLine(t *testing.T) {
	for _, bad := range []string{"vm.x", "= 1", "vm..x = 1", ".vm = 1", "vm/x = 1", "-vm.x = 1", "net.*.x = 1", "vm x = 1", "; vm.x = 1", "vm.-x = 1"} {
		rows, err := parse("kernel.a = 1\n" + bad + "\nkernel.b = 2\n")
		if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || len(rows) != 2 {
			t.Errorf("%q: %q %v", bad, rows, err)
		}
	}
}

func TestApplyWritesWhatTheKernelHasAndReturnsWhatFails(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(root+"/kernel/folder", 0o755)
	os.WriteFile(root+"/kernel/panic", []byte("0\n"), 0o644)
	failed := Apply(root, []Setting{{"kernel/absent", "1"}, {"kernel/folder", "1"}, {"kernel/panic", "10"}})
	if len(failed) != 1 || failed[0].Name != "kernel.folder" {
		t.Errorf("%+v", failed)
	}
	if text, _ := os.ReadFile(root + "/kernel/panic"); string(text) != "10\n" {
		t.Errorf("%q", text)
	}
}

func TestSettingsOfTheCommandLineAreLeftAlone(t *testing.T) {
	table := []Setting{{"kernel/panic", "10"}, {"kernel/sysrq", "0"}}
	left := Except(table, []string{"kernel/panic", "kernel/absent"})
	if len(left) != 1 || left[0].Name != "kernel/sysrq" || len(table) != 2 {
		t.Errorf("%+v of %+v", left, table)
	}
}

func TestReserveIsLoweredOnSmallMachinesOnly(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(root+"/vm", 0o755)
	if rows := Reserve(root, 2<<30); rows != nil {
		t.Errorf("kernel without the setting: %+v", rows)
	}
	os.WriteFile(root+"/vm/min_free_kbytes", []byte("45056\n"), 0o644)
	if rows := Reserve(root, 2<<30); len(rows) != 1 || rows[0] != (Setting{"vm/min_free_kbytes", "5792"}) {
		t.Errorf("%+v", rows)
	}
	if rows := Reserve(root, 256<<30); rows != nil {
		t.Errorf("large machine: %+v", rows)
	}
}

// All pods that run as root share one user with kubelet, containerd and runc. Where the kernel counts by user or for
// the whole machine, only the memory of a pod's control group may end what it takes.
func TestMemoryEndsWhatAPodTakesBeforeACounterOfTheHostDoes(t *testing.T) {
	const unlimited = "2147483647"
	table := AtBoot()
	for name, want := range map[string]string{
		"fs/inotify/max_user_instances": unlimited, // kubelet and init watch folders
		"fs/inotify/max_user_watches":   unlimited,
		"fs/epoll/max_user_watches":     unlimited, // every connection of a Go program
		"fs/file-max":                   unlimited, // agents have no CAP_SYS_ADMIN; Unix sockets: twice as many
		"net/ipv4/tcp_mem":              unlimited + " " + unlimited + " " + unlimited,
		"net/ipv4/udp_mem":              unlimited + " " + unlimited + " " + unlimited,
	} {
		i := slices.IndexFunc(table, func(row Setting) bool { return row.Name == name })
		if i < 0 || table[i].Value != want {
			t.Errorf("%s is not %s", name, want)
		}
	}
}

// Quotas that protect memory for which no control group is charged stay as they are.
func TestQuotasOfUnchargedMemoryAreNotRaised(t *testing.T) {
	for _, row := range AtBoot() {
		for _, name := range []string{"kernel/pty/", "net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_buckets", "fs/aio-max-nr", "fs/mqueue/", "kernel/threads-max"} {
			if strings.HasPrefix(row.Name, name) {
				t.Errorf("%s = %s", row.Name, row.Value)
			}
		}
	}
}

// Pods may begin as many connections as end within this time in a quarter of the kernel's table.
func TestAConnectionThatHasEndedLeavesTheTableSoon(t *testing.T) {
	if !slices.Contains(AtBoot(), Setting{"net/netfilter/nf_conntrack_tcp_timeout_time_wait", "10"}) {
		t.Error("pods can begin few connections")
	}
}

func TestNeighboursHaveAShareOfTheMemory(t *testing.T) {
	for _, c := range []struct {
		memory uint64
		want   string
	}{{440 << 20, "28160"}, {64 << 20, "8192"}, {1950 << 20, "124800"}, {64 << 30, "131072"}} {
		want := []Setting{{"net/ipv4/neigh/default/gc_thresh3", c.want}, {"net/ipv6/neigh/default/gc_thresh3", c.want}}
		if got := Neighbours(c.memory); !slices.Equal(got, want) {
			t.Errorf("%d MiB: %v", c.memory>>20, got)
		}
	}
}

func TestOnlyHardwareLinksBelieveRouters(t *testing.T) {
	for _, row := range AtBoot() {
		if strings.HasSuffix(row.Name, "/accept_ra") && row != (Setting{"net/ipv6/conf/default/accept_ra", "0"}) {
			t.Errorf("%v", row)
		}
	}
}
