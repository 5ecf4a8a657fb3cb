import { type Arch, type Board, BOARD_ARCH } from '../../workstation/paths.ts';

const CONSOLE = {
  amd64: 'console=tty0 console=ttyS0,115200',
  arm64: 'console=tty0 console=ttyAMA0',
} as const;

/** The words of the kernel command line, each with its reason and, for some, the only architecture that has it. */
const WORDS: readonly (readonly [word: string, why: string, only?: Arch])[] = [
  [
    'rootfstype=ramfs',
    'the root image is mounted from a file in the initramfs, and EROFS cannot use a file on tmpfs',
  ],
  ['quiet', 'kernel messages on a slow serial port cost boot time'],
  ['loglevel=3', 'errors still appear'],
  ['panic=10', 'a machine that cannot continue reboots'],
  ['oops=panic', 'nor does a damaged one go on, or hang, before init sets the same'],
  ['slab_nomerge', 'a heap overflow stays within one kind of object'],
  ['randomize_kstack_offset=on', 'stack addresses cannot be guessed'],
  ['vsyscall=none', 'no executable page at a fixed address', 'amd64'],
  [
    'cryptomgr.notests',
    'self-tests of algorithms are for certified kernels and take as long as starting a pod',
  ],
  [
    'initcall_blacklist=jent_mod_init',
    'the jitter entropy source tests itself for half the time of starting a pod; there are better ones',
  ],
  [
    'cgroup_no_v1=all,named',
    'there is one cgroup hierarchy, and no release_agent for the kernel to run',
  ],
  [
    'mitigations=auto,nosmt',
    'SMT is off on processors that leak between threads of a core; a later mitigations=auto turns it on',
    'amd64',
  ],
  ['mitigations=auto', 'the same; this architecture ignores nosmt', 'arm64'],
  [
    'ssbd=kernel',
    'loads do not bypass stores in the kernel; programs may ask for the same',
    'arm64',
  ],
  [
    'init_on_free=0',
    'memory is cleared when it is handed out; a later init_on_free=1 clears it at boot and when it is given back too',
  ],
  ['page_alloc.shuffle=1', 'the place of free memory cannot be guessed'],
  ['hash_pointers=always', 'needed from 6.16 on; older kernels do it by default'],
  [
    'pti=on',
    'page tables are isolated also on processors believed not to leak; a later pti=auto undoes it',
    'amd64',
  ],
  [
    'cfi=kcfi',
    'the caller checks an indirect call, so a forged target cannot skip the check',
    'amd64',
  ],
  ['hardened_usercopy=1', 'copies to and from user space stay within their object'],
  ['proc_mem.force_override=never', 'a debugger’s file does not write through read-only pages'],
  ['bdev_allow_write_mounted=0', 'nobody can write to a disk underneath its mounted file system'],
  [
    'bonding.max_bonds=0',
    'the name bond0 is free for a network file: no driver makes a link unasked',
  ],
  ['dummy.numdummies=0', 'no dummy0'],
  ['ifb.numifbs=0', 'no ifb0 and ifb1'],
];

const wordsOf = (arch: Arch): string[] =>
  WORDS.filter(([, , only]) => only === undefined || only === arch).map(([word]) => word);

/** Returns the kernel command line of a node. */
export const commandLine = (arch: Arch): string => [CONSOLE[arch], ...wordsOf(arch)].join(' ');

/** Consoles of boards: on a Raspberry Pi 4 the pins 8 and 10 of its header belong to the small UART. */
const BOARD_CONSOLE = { rpi4: 'console=tty0 console=ttyS1,115200' } as const;

/**
 * Stands in a board's kernel command line before the words of people, which an update takes over. The kernel takes it
 * for a module's.
 */
export const ADDED = 'kios.added';

/** Returns the kernel command line of a board. */
export const boardCommandLine = (board: Board): string =>
  [BOARD_CONSOLE[board], ...wordsOf(BOARD_ARCH[board]), ADDED].join(' ');
