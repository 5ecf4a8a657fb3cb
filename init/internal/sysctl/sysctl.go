// Package sysctl is the host's table of kernel settings.
package sysctl

import (
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Setting is one row: a path below /proc/sys, and its value.
type Setting struct{ Name, Value string }

// Table is applied in order. A name the kernel lacks is left out: kernels differ in what is built in.
var Table = []Setting{
	// The kernel starts no program of its own: modules are the module loader's, and there is no hotplug helper or core collector.
	{"kernel/modprobe", ""},
	{"kernel/core_pattern", "core"},
	{"kernel/kexec_load_disabled", "1"},

	// What kubelet checks, and would set itself.
	{"vm/overcommit_memory", "1"},
	{"vm/panic_on_oom", "0"},
	{"kernel/panic", "10"},
	{"kernel/panic_on_oops", "1"},
	{"kernel/keys/root_maxkeys", "1000000"},
	{"kernel/keys/root_maxbytes", "25000000"},

	// Room for many pods.
	{"fs/inotify/max_user_instances", "8192"},
	{"fs/inotify/max_user_watches", "524288"},
	{"kernel/pid_max", "4194304"},
	{"vm/max_map_count", "262144"},
	{"net/core/somaxconn", "4096"},
	{"net/ipv4/neigh/default/gc_thresh1", "1024"},
	{"net/ipv4/neigh/default/gc_thresh2", "4096"},
	{"net/ipv4/neigh/default/gc_thresh3", "8192"},

	// A node forwards for its pods. accept_ra=2: still take routers' word on IPv6 while forwarding.
	{"net/ipv4/ip_forward", "1"},
	{"net/ipv6/conf/all/forwarding", "1"},
	{"net/ipv6/conf/default/accept_ra", "2"},
	{"net/ipv4/conf/all/accept_redirects", "0"},
	{"net/ipv4/conf/default/accept_redirects", "0"},
	{"net/ipv6/conf/all/accept_redirects", "0"},
	{"net/ipv6/conf/default/accept_redirects", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	{"net/ipv4/conf/all/accept_source_route", "0"},
	{"net/ipv4/conf/default/accept_source_route", "0"},

	// Kernel self protection, as far as Kubernetes works with it: user namespaces stay, pods may ask for them.
	{"kernel/kptr_restrict", "2"},
	{"kernel/dmesg_restrict", "1"},
	{"kernel/perf_event_paranoid", "3"},
	{"kernel/yama/ptrace_scope", "3"}, // nobody traces anybody, root included; debuggers want sysctl.kernel.yama.ptrace_scope=2 at boot
	{"kernel/randomize_va_space", "2"},
	{"kernel/unprivileged_bpf_disabled", "1"},
	{"kernel/unprivileged_userns_clone", "0"}, // root makes those of pods
	{"kernel/io_uring_disabled", "1"},         // only with CAP_SYS_ADMIN
	{"kernel/sysrq", "0"},
	{"vm/unprivileged_userfaultfd", "0"},
	{"vm/mmap_min_addr", "65536"},
	{"vm/mmap_rnd_bits", "32"},
	{"fs/suid_dumpable", "0"},
	{"fs/protected_symlinks", "1"},
	{"fs/protected_hardlinks", "1"},
	{"fs/protected_fifos", "2"},
	{"fs/protected_regular", "2"},
	{"dev/tty/ldisc_autoload", "0"},
	{"dev/tty/legacy_tiocsti", "0"},
}

// AfterStart is applied once the first pods run. Blinding the constants of a container's seccomp filter costs 0.14 s of a processor
// at 1 GIPS; the filters of the pods that the image ships are not an attacker's.
var AfterStart = []Setting{
	{"net/core/bpf_jit_harden", "2"},
}

// Reserve answers a row that takes vm.min_free_kbytes back to the kernel's own measure, none where it is not above that. For the sake
// of huge pages the kernel keeps 45 MB or more free on any machine (set_recommended_min_free_kbytes in mm/khugepaged.c), and by its own
// count nearly thrice that is not available to pods: 6 % of a machine with 2 GiB.
func Reserve(root string, memory uint64) []Setting {
	const name = "vm/min_free_kbytes"
	text, err := os.ReadFile(root + "/" + name)
	if err != nil {
		return nil
	}
	reserved, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	own := uint64(math.Sqrt(float64(memory >> 10 * 16))) // calculate_min_free_kbytes in mm/page_alloc.c
	if err != nil || reserved <= own {
		return nil
	}
	return []Setting{{name, strconv.FormatUint(own, 10)}}
}

// Failure is a row that could not be applied.
type Failure struct {
	Name string
	Err  error
}

// Except answers the rows whose names are not among the given.
func Except(table []Setting, given []string) []Setting {
	return slices.DeleteFunc(slices.Clone(table), func(row Setting) bool { return slices.Contains(given, row.Name) })
}

// Apply writes every row and answers those that failed for another reason than that the kernel has no such setting.
func Apply(root string, table []Setting) []Failure {
	var failed []Failure
	for _, row := range table {
		if err := write(root+"/"+row.Name, row.Value); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, Failure{strings.ReplaceAll(row.Name, "/", "."), err})
		}
	}
	return failed
}

func write(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value + "\n")
	return errors.Join(err, file.Close())
}
