import type { Arch } from '../../workstation/paths.ts';

const CONSOLE = {
  amd64: 'console=tty0 console=ttyS0,115200',
  arm64: 'console=tty0 console=ttyAMA0',
} as const;

/** Words of the kernel command line with the reason each is there, and the only architecture that knows it. */
const WORDS: readonly (readonly [word: string, why: string, only?: Arch])[] = [
  [
    'rootfstype=ramfs',
    'the root image is mounted from a file in the initramfs, and tmpfs cannot serve file-backed EROFS',
  ],
  ['quiet', 'kernel messages on a slow serial port cost boot time'],
  ['loglevel=3', 'but errors still appear'],
  ['panic=10', 'a machine that cannot go on starts over'],
  ['slab_nomerge', 'heap overflows stay within one kind of object'],
  ['randomize_kstack_offset=on', 'stack addresses are not to be guessed'],
  ['vsyscall=none', 'no executable page at a fixed address', 'amd64'],
  [
    'cryptomgr.notests',
    'the self-tests of algorithms are for certified kernels and take as long as a pod',
  ],
  [
    'initcall_blacklist=jent_mod_init',
    'the jitter entropy source measures itself for as long as half a pod; there are better ones',
  ],
  [
    'cgroup_no_v1=all,named',
    'one cgroup hierarchy, and no release_agent that the kernel would run',
  ],
  [
    'mitigations=auto,nosmt',
    'threads of one core are turned off on processors that leak between them; a word after it (mitigations=auto) takes that back',
    'amd64',
  ],
  ['mitigations=auto', 'the same, where nothing would act on nosmt', 'arm64'],
  [
    'ssbd=kernel',
    'loads do not overtake stores in the kernel; programs may ask for the same',
    'arm64',
  ],
  ['page_alloc.shuffle=1', 'where free memory lies is not to be guessed'],
  ['hash_pointers=always', 'from 6.16 on; older kernels know no other way unless they are told'],
  [
    'pti=on',
    'page tables are isolated on processors that are believed to leak nothing as well; pti=auto after it takes that back',
    'amd64',
  ],
  [
    'cfi=kcfi',
    'calls are checked by the caller, which an attacker who forges a target cannot skip',
    'amd64',
  ],
  ['hardened_usercopy=1', 'copies to and from user space stay within their object'],
  ['proc_mem.force_override=never', 'a debugger’s file does not write through read-only pages'],
  ['bdev_allow_write_mounted=0', 'nobody writes to a disk below its mounted file system'],
];

export function commandLine(arch: Arch): string {
  const words = WORDS.filter(([, , only]) => only === undefined || only === arch);
  return [CONSOLE[arch], ...words.map(([word]) => word)].join(' ');
}
