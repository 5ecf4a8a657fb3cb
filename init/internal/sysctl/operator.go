package sysctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ofHost names the settings of sysctl.conf that do not count there, as packages/host-api/vectors/sysctls.json does:
// programs that the kernel would start, switches that go one way, what kubelet checks, and the host's protection. A
// word of the kernel command line, which needs the medium or the image, can still give most of them.
var ofHost = []string{
	"kernel.modprobe", "kernel.core_pattern", "kernel.hotplug", "kernel.poweroff_cmd",
	"kernel.usermodehelper.bset", "kernel.usermodehelper.inheritable",
	"kernel.kexec_load_disabled", "kernel.modules_disabled",
	"vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops",
	"kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes",
	"kernel.kptr_restrict", "kernel.dmesg_restrict", "kernel.perf_event_paranoid", "kernel.yama.ptrace_scope",
	"kernel.randomize_va_space", "kernel.unprivileged_bpf_disabled", "kernel.unprivileged_userns_clone",
	"kernel.io_uring_disabled", "kernel.sysrq", "vm.unprivileged_userfaultfd", "vm.mmap_min_addr", "vm.mmap_rnd_bits",
	"fs.suid_dumpable", "fs.protected_symlinks", "fs.protected_hardlinks", "fs.protected_fifos", "fs.protected_regular",
	"dev.tty.ldisc_autoload", "dev.tty.legacy_tiocsti", "net.core.bpf_jit_harden",
}

var (
	errShape = errors.New("it is not `name = value`, with a name such as vm.nr_hugepages")
	errHost  = errors.New("it belongs to the host, and only a word of the kernel command line may change it")
)

// ParseOperator reads a person's sysctl.conf: sysctl.conf(5) with names that have dots and no glob. The last row of a
// name counts. Rows that do not count are among the failures, each named or, without a name, by its line.
func ParseOperator(text string) ([]Setting, []Failure) {
	var rows []Setting
	var failed []Failure
	for number, line := range lines(text, "#;") {
		row, ok := parseRow(line)
		switch name := strings.ReplaceAll(row.Name, "/", "."); {
		case !ok || row.Value == "":
			failed = append(failed, Failure{fmt.Sprintf("line %d", number), errShape})
		case slices.Contains(ofHost, name):
			failed = append(failed, Failure{name, errHost})
		default:
			rows = with(rows, row)
		}
	}
	return rows, failed
}

// with returns rows with one more, which takes the place of one with its name.
func with(rows []Setting, row Setting) []Setting {
	rows = Except(rows, []string{row.Name})
	return append(rows, row)
}

// Over returns the rows of both tables; those of the second count where both have one.
func Over(below, above []Setting) []Setting {
	for _, row := range above {
		below = with(below, row)
	}
	return below
}
