/** One attempt of root in a privileged pod (or of nobody, where the name says so) and the kernel's answers that are expected. */
export interface Probe {
  readonly name: string;
  readonly attempt: string;
  /** An error's name, a signal's, or the attempt's own word; `ok` where the kernel lets it happen. */
  readonly kios: string;
  readonly debian: string;
  /** Why a privileged pod may: Kubernetes gives such pods what the machine gives root. */
  readonly contract?: string;
}

const refused = (name: string, attempt: string, kios: string, debian = kios): Probe => ({
  name,
  attempt,
  kios,
  debian,
});

const allowed = (name: string, attempt: string, contract: string, answer = 'ok'): Probe => ({
  name,
  attempt,
  kios: answer,
  debian: answer,
  contract,
});

/** What `os/guest/src/probes` attempts, in its order. */
export const PROBES: readonly Probe[] = [
  refused('root-write', 'create a file in the host’s root', 'EROFS'),
  refused('root-remount', 'remount the root’s file system for writing, then write', 'EROFS'),
  refused('root-bind-remount', 'clear the mount’s own read-only flag, then write', 'EROFS'),
  refused('program-overwrite', 'open /bin/init for writing', 'EROFS'),
  refused('exec-host-folders', 'run a program of its own from /etc, /run, /tmp, /dev/shm, /var and below', 'EACCES'), // prettier-ignore
  allowed('exec-volume', 'run a program from /var/lib/kubelet', 'volumes may hold programs'),
  allowed('exec-after-remount', 'clear noexec on its own view of /run, then run', 'CAP_SYS_ADMIN'),
  allowed('disk-read', 'read the disk', 'privileged: every device'),
  refused('disk-write-mounted', 'open the partition that is mounted for writing', 'EBUSY'),
  allowed('disk-write', 'open the whole disk for writing', 'privileged: every device'),
  refused('efi-variable', 'open a firmware variable for writing', 'EROFS'),
  refused('binfmt-misc', 'mount binfmt_misc, to have programs interpreted by its own', 'ENODEV'),
  refused('debugfs', 'mount debugfs', 'ENODEV', 'ok'),
  refused('release-agent', 'mount a version 1 control group hierarchy, for its release_agent', 'ENOENT'), // prettier-ignore
  refused('init-trace', 'trace init', 'EPERM'),
  refused('init-read-memory', 'read init’s memory', 'EPERM'),
  refused('init-write-memory', 'write init’s program in memory', 'EACCES'),
  refused('init-take-descriptor', 'take an open file out of init', 'EPERM'),
  refused('init-kill', 'kill init', 'lives'),
  refused('exec-32-bit', 'run a 32-bit program', 'ENOEXEC', 'ok'),
  refused('call-32-bit', 'make a system call by the 32-bit gate', 'SIGSEGV', 'ok'),
  refused('module-from-memory', 'load a module that nobody signed, from memory', 'EKEYREJECTED', 'ENOEXEC'), // prettier-ignore
  refused('module-from-file', 'load it from a file', 'EKEYREJECTED', 'ENOEXEC'),
  refused('module-altered', 'load a module of the image with one letter changed', 'EKEYREJECTED', 'ENOEXEC'), // prettier-ignore
  refused('lockdown-lift', 'write `none` to lockdown', 'EPERM'),
  refused('trusted-key', 'add a key to those that modules are checked with', 'EACCES'),
  refused('kexec', 'start another kernel', 'ENOSYS', 'EPERM'),
  refused('kexec-file', 'the same by file', 'ENOSYS', 'EPERM'),
  refused('memory-device', 'read /dev/mem', 'ENXIO', 'ok'),
  refused('port-device', 'read /dev/port', 'ENXIO'),
  refused('msr-device', 'read a processor’s registers by /dev/cpu/0/msr', 'ENXIO'),
  refused('kcore', 'read the kernel’s memory by /proc/kcore', 'ENOENT', 'ok'),
  refused('iopl', 'ask for all I/O ports', 'ENOSYS', 'ok'),
  refused('ioperm', 'ask for one I/O port', 'ENOSYS', 'ok'),
  refused('local-descriptors', 'change the processor’s segment table', 'ENOSYS', 'ok'),
  refused('pci-config', 'write to a device’s PCI configuration', 'EPERM', 'ok'),
  refused('kernel-addresses', 'learn addresses from /proc/kallsyms', 'hidden'),
  refused('sysrq', 'write to /proc/sysrq-trigger', 'ENOENT', 'ok'),
  refused('hibernate', 'open /sys/power/disk', 'ENOENT', 'ok'),
  refused('uevent-helper', 'name a program that runs at each device’s event', 'ENOENT'),
  refused('userfaultfd', 'hold up the kernel in its own page faults', 'ENOSYS', 'ok'),
  refused('bpf-write-user', 'load a BPF program that writes to other programs’ memory', 'EINVAL', 'ok'), // prettier-ignore
  refused('bpf-override-return', 'load a BPF program that fakes a kernel function’s result', 'EINVAL'), // prettier-ignore
  refused('bpf-unlock', 'let everybody load BPF programs', 'EPERM'),
  refused('trace-unlock', 'let processes be traced again', 'EINVAL'),
  allowed('pointer-unlock', 'let root see kernel addresses again, by sysctl', 'root’s sysctl'),
  allowed('kernel-probe', 'add a kernel probe by tracefs', 'what tracing and Falco live on'),
  allowed('tracefs', 'mount tracefs', 'what tracing lives on'),
  refused('core-pattern', 'have the kernel start its program on the host when another crashes', 'not run', 'ran'), // prettier-ignore
  refused('modprobe-path', 'have the kernel start its program on the host as modprobe', 'not run', 'ran'), // prettier-ignore
  allowed('reboot', 'reboot(2), here to turn Ctrl-Alt-Del off', 'CAP_SYS_BOOT'),
  allowed('clock', 'set the clock, here by nothing', 'CAP_SYS_TIME'),
  allowed('hostname', 'set the host’s name, here to what it is', 'CAP_SYS_ADMIN'),
  allowed('kernel-log', 'read the kernel’s log', 'CAP_SYSLOG'),
  allowed('performance', 'count events on a whole processor', 'CAP_PERFMON'),
  allowed('packet-socket', 'open a raw socket on the host’s network', 'CAP_NET_RAW'),
  allowed('swap', 'swap to a file, here to none', 'CAP_SYS_ADMIN', 'ENOENT'),
  allowed('io-uring', 'make an io_uring', 'CAP_SYS_ADMIN'),
  allowed('user-namespace', 'make a user namespace as root', 'pods with hostUsers: false'),
  allowed('host-namespace', 'enter the host’s mount namespace', 'hostPID with CAP_SYS_ADMIN'),
  allowed('program-cover', 'mount over /bin/kubelet there', 'CAP_SYS_ADMIN'),
  allowed('pivot', 'pivot to another root in its own namespace', 'CAP_SYS_ADMIN'),
  allowed('network-namespace', 'make a network namespace', 'CAP_SYS_ADMIN'),
  refused('nobody-user-namespace', 'make a user namespace without being root', 'EPERM'),
  refused('nobody-bpf', 'load a BPF program', 'EPERM'),
  refused('nobody-performance', 'count events on a whole processor', 'EACCES'),
  refused('nobody-userfaultfd', 'hold up the kernel in its own page faults', 'ENOSYS', 'EPERM'),
  refused('nobody-kernel-log', 'read the kernel’s log', 'EPERM'),
  refused('nobody-io-uring', 'make an io_uring', 'EPERM'),
];
