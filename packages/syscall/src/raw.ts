import { allocate, errno, libc, type Memory } from './libc.ts';
import { SyscallError } from './syscall-error.ts';

export { allocate, type Memory };

/** Makes a system call by its number on this architecture; pointers are addresses. For tests that examine a kernel. */
export function syscall(name: string, number: number, args: readonly (number | bigint)[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
  const result = libc.syscall()(number, a, b, c, d, e, f);
  if (result === -1) throw new SyscallError(name, errno(), 'make system call');
  return result;
}
