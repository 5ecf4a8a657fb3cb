import type { Arch } from '../host/paths.ts';

const CONSOLE = {
  amd64: 'console=tty0 console=ttyS0,115200',
  arm64: 'console=tty0 console=ttyAMA0',
} as const;

/** Words of the kernel command line with the reason each is there. */
const WORDS: readonly (readonly [word: string, why: string])[] = [
  [
    'rootfstype=ramfs',
    'the root image is mounted from a file in the initramfs, and tmpfs cannot serve file-backed EROFS',
  ],
  ['quiet', 'kernel messages on a slow serial port cost boot time'],
  ['loglevel=3', 'but errors still appear'],
  ['panic=10', 'a machine that cannot go on starts over'],
  ['slab_nomerge', 'heap overflows stay within one kind of object'],
  ['randomize_kstack_offset=on', 'stack addresses are not to be guessed'],
  ['vsyscall=none', 'no executable page at a fixed address'],
  [
    'cryptomgr.notests',
    'the self-tests of algorithms are for certified kernels and take as long as a pod',
  ],
  ['cgroup_no_v1=all', 'one cgroup hierarchy'],
];

export const commandLine = (arch: Arch): string =>
  [CONSOLE[arch], ...WORDS.map(([word]) => word)].join(' ');
