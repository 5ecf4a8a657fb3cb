import { allocate, type Memory, syscall } from '@kios/syscall/raw';

/** System call numbers of x86-64. */
const NUMBERS = {
  close: 3, mprotect: 10, ioctl: 16, socket: 41, sendto: 44, recvfrom: 45, bind: 49, listen: 50, setsockopt: 54, getsockopt: 55,
  clone: 56, wait4: 61, kill: 62, ptrace: 101, syslog: 103, mknod: 133, modify_ldt: 154, pivot_root: 155, mount: 165,
  umount2: 166, swapon: 167, reboot: 169, sethostname: 170, iopl: 172, ioperm: 173, init_module: 175, kexec_load: 246,
  add_key: 248, unshare: 272, perf_event_open: 298, fanotify_init: 300, fanotify_mark: 301, clock_adjtime: 305, setns: 308, process_vm_readv: 310, finit_module: 313,
  kexec_file_load: 320, bpf: 321, userfaultfd: 323, io_uring_setup: 425, pidfd_open: 434, pidfd_getfd: 438,
} as const; // prettier-ignore

type Argument = number | bigint | string | Uint8Array | Memory | null;

/** Copies bytes to memory with a fixed address, which the kernel can be given. */
export function memory(bytes: Uint8Array): Memory {
  const copy = allocate(Math.max(bytes.length, 1));
  copy.bytes.set(bytes);
  return copy;
}

const isMemory = (value: Argument): value is Memory =>
  typeof value === 'object' && value !== null && 'address' in value;

/**
 * Makes a system call. Text is passed as a C string, bytes by reference: they hold afterwards what the kernel wrote.
 */
export function call(name: keyof typeof NUMBERS, ...args: readonly Argument[]): number {
  const copies: [Uint8Array, Memory][] = [];
  const words = args.map((value) => {
    if (value === null) return 0;
    if (typeof value === 'string') return memory(Buffer.from(`${value}\0`)).address;
    if (isMemory(value)) return value.address;
    if (typeof value !== 'object') return value;
    const copy = memory(value);
    copies.push([value, copy]);
    return copy.address;
  });
  const result = syscall(name, NUMBERS[name], words);
  for (const [bytes, copy] of copies) bytes.set(copy.bytes.subarray(0, bytes.length));
  return result;
}

/** Runs an attempt and returns the error's name, the attempt's own result, or `ok`. */
export function resultOf(attempt: () => string | void): string {
  try {
    return attempt() ?? 'ok';
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('errno' in error && typeof error.errno === 'string') return error.errno;
    if ('code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
}
