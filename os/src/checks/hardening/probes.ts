/** An attempt of root in a privileged pod (of nobody where the name says so) and its expected result on each kernel. */
export interface Probe {
  readonly name: string;
  readonly attempt: string;
  /** Name of an error or signal, or a word of the attempt's own; `ok` when the kernel allows it. */
  readonly kios: string;
  readonly debian: string;
  /** Why a privileged pod is allowed this: Kubernetes gives such pods what the machine gives root. */
  readonly allowedBy?: string;
}

const denied = (name: string, attempt: string, kios: string, debian = kios): Probe => ({
  name,
  attempt,
  kios,
  debian,
});

const allowed = (name: string, attempt: string, allowedBy: string, result = 'ok'): Probe => ({
  name,
  attempt,
  kios: result,
  debian: result,
  allowedBy,
});

/** The attempts of `os/guest/src/probes`, in its order. */
export const PROBES: readonly Probe[] = [
  denied('root-write', 'create a file in the host’s root', 'EROFS'),
  denied('root-remount', 'remount the root’s file system for writing, then write', 'EROFS'),
  denied('root-bind-remount', 'clear the mount’s own read-only flag, then write', 'EROFS'),
  denied('program-overwrite', 'open /bin/kubelet for writing', 'EROFS'),
  denied('init-overwrite', 'open /bin/init, which process 1 runs, for writing', 'ETXTBSY'),
  denied('exec-host-folders', 'run a program of its own from /etc, /run, /tmp, /dev/shm, /var/log and the host’s folders in /var/lib', 'EACCES'), // prettier-ignore
  allowed(
    'exec-volume',
    'run a program from a volume or a folder of pods',
    'they may hold programs',
  ),
  allowed(
    'exec-after-remount',
    'clear noexec on its own view of /run, then run a program',
    'CAP_SYS_ADMIN',
  ),
  allowed('disk-read', 'read the disk', 'privileged: every device'),
  denied('disk-write-mounted', 'open the mounted partition for writing', 'EBUSY'),
  allowed('disk-write', 'open the whole disk for writing', 'privileged: every device'),
  denied('efi-variable', 'open a firmware variable for writing', 'EROFS'),
  denied('binfmt-misc', 'mount binfmt_misc, to have its own program interpret others', 'ENODEV'),
  denied('debugfs', 'mount debugfs and open a file there for writing', 'EPERM', 'ok'),
  denied('release-agent', 'mount a version 1 control group hierarchy, for its release_agent', 'ENOENT'), // prettier-ignore
  denied('init-trace', 'trace init', 'EPERM'),
  denied('init-read-memory', 'read init’s memory', 'EPERM'),
  denied('init-write-memory', 'write init’s program in memory', 'EACCES'),
  denied('init-take-descriptor', 'take an open file from init', 'EPERM'),
  denied('init-kill', 'kill init', 'lives'),
  denied('exec-32-bit', 'run a 32-bit program', 'ENOEXEC', 'ok'),
  denied('call-32-bit', 'make a system call through the 32-bit gate', 'SIGSEGV', 'ok'),
  denied('module-from-memory', 'load an unsigned module from memory', 'EKEYREJECTED', 'ENOEXEC'), // prettier-ignore
  denied('module-from-file', 'load an unsigned module from a file', 'EKEYREJECTED', 'ENOEXEC'),
  denied('module-altered', 'load a module of the image with one letter changed', 'EKEYREJECTED', 'ENOEXEC'), // prettier-ignore
  denied('lockdown-lift', 'write `none` to lockdown', 'EPERM'),
  denied('trusted-key', 'add a key to those that verify modules', 'EACCES'),
  denied('kexec', 'load another kernel (kexec)', 'ENOSYS', 'EPERM'),
  denied('kexec-file', 'load another kernel from a file', 'ENOSYS', 'EPERM'),
  denied('memory-device', 'read /dev/mem', 'ENXIO', 'ok'),
  denied('port-device', 'read /dev/port', 'ENXIO'),
  denied('msr-device', 'read a processor’s registers from /dev/cpu/0/msr', 'ENXIO'),
  denied('keyboard', 'find a keyboard that has a driver', 'none', 'found'),
  denied('keyboard-made', 'make a keyboard (uinput)', 'ENODEV'),
  denied('frame-buffer', 'read the pixels of the screen', 'ENXIO', 'ENODEV'),
  denied('kcore', 'read the kernel’s memory from /proc/kcore', 'ENOENT', 'ok'),
  denied('iopl', 'ask for all I/O ports', 'ENOSYS', 'ok'),
  denied('ioperm', 'ask for one I/O port', 'ENOSYS', 'ok'),
  denied('local-descriptors', 'change the processor’s segment table', 'ENOSYS', 'ok'),
  denied('pci-config', 'write to a device’s PCI configuration', 'EPERM', 'ok'),
  denied('kernel-addresses', 'read kernel addresses from /proc/kallsyms', 'hidden'),
  denied('sysrq', 'write to /proc/sysrq-trigger', 'ENOENT', 'ok'),
  denied('hibernate', 'open /sys/power/disk', 'ENOENT', 'ok'),
  denied('uevent-helper', 'name a program that the kernel runs at each device event', 'ENOENT'),
  denied('userfaultfd', 'stall the kernel in page faults (userfaultfd)', 'ENOSYS', 'ok'),
  denied('bpf-write-user', 'load a BPF program that writes to other programs’ memory', 'EINVAL', 'ok'), // prettier-ignore
  denied('bpf-override-return', 'load a BPF program that fakes a kernel function’s result', 'EINVAL'), // prettier-ignore
  denied('bpf-unlock', 'let all users load BPF programs', 'EPERM'),
  denied('function-hooks-off', 'turn the kernel’s function hooks off, which keep init from being traced', 'EPERM'), // prettier-ignore
  allowed('trace-unlock', 'let processes of one user trace each other', 'CAP_SYS_PTRACE'),
  allowed('pointer-unlock', 'show kernel addresses to root again, by sysctl', 'root’s sysctl'),
  allowed('kernel-probe', 'add a kernel probe by tracefs', 'tracing tools and Falco need it'),
  allowed('tracefs', 'mount tracefs', 'tracing tools need it'),
  denied('core-pattern', 'have the kernel run its program on the host when another crashes', 'not run', 'ran'), // prettier-ignore
  denied('modprobe-path', 'have the kernel run its program on the host as modprobe', 'not run', 'ran'), // prettier-ignore
  denied('helper-by-name', 'have the kernel run init’s mount as root of the host when a program crashes', 'not run', 'ran'), // prettier-ignore
  denied('module-unlisted', 'have the kernel load a module of the image that is not in the list of requests (nbd)', 'ENOENT'), // prettier-ignore
  allowed('reboot', 'reboot(2), here to turn Ctrl-Alt-Del off', 'CAP_SYS_BOOT'),
  allowed('clock', 'set the clock, here by an offset of zero', 'CAP_SYS_TIME'),
  allowed('hostname', 'set the host name, here to the same name', 'CAP_SYS_ADMIN'),
  allowed('kernel-log', 'read the kernel’s log', 'CAP_SYSLOG'),
  allowed('performance', 'count events on a whole processor', 'CAP_PERFMON'),
  allowed('packet-socket', 'open a raw socket on the host’s network', 'CAP_NET_RAW'),
  allowed('swap', 'swap to a file, here to one that does not exist', 'CAP_SYS_ADMIN', 'ENOENT'),
  allowed('io-uring', 'make an io_uring', 'CAP_SYS_ADMIN'),
  allowed('user-namespace', 'make a user namespace as root', 'pods with hostUsers: false'),
  allowed('host-namespace', 'enter the host’s mount namespace', 'hostPID with CAP_SYS_ADMIN'),
  allowed('program-cover', 'mount over /bin/kubelet there', 'CAP_SYS_ADMIN'),
  allowed('pivot', 'pivot to another root in its own namespace', 'CAP_SYS_ADMIN'),
  allowed('network-namespace', 'make a network namespace', 'CAP_SYS_ADMIN'),
  denied('nobody-user-namespace', 'make a user namespace', 'EPERM'),
  denied('nobody-bpf', 'load a BPF program', 'EPERM'),
  denied('nobody-performance', 'count events on a whole processor', 'EACCES'),
  denied('nobody-userfaultfd', 'stall the kernel in page faults (userfaultfd)', 'ENOSYS', 'EPERM'),
  denied('nobody-kernel-log', 'read the kernel’s log', 'EPERM'),
  denied('nobody-screen', 'read the text on the screen', 'EACCES'),
  denied('nobody-io-uring', 'make an io_uring', 'EPERM'),
  denied('nobody-module-sctp', 'have the kernel load SCTP by opening a socket', 'EPROTONOSUPPORT'),
  denied('nobody-module-unlisted', 'have the kernel load a module that is not in the list (nbd)', 'ENOENT'), // prettier-ignore
  denied('nobody-module-mount', 'have the kernel load a file system by mounting it', 'EPERM'),
];
