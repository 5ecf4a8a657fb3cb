import { describe, expect, it } from 'vitest';

import { allocate, syscall } from '../src/raw.ts';
import { SyscallError } from '../src/syscall-error.ts';

const GETPID = 39;
const GETCWD = 79;
const CLOSE = 3;

describe.skipIf(process.arch !== 'x64')('a raw system call', () => {
  it("returns the kernel's result", () => {
    expect(syscall('getpid', GETPID, [])).toBe(process.pid);
  });

  it('lets the kernel write into allocated memory', () => {
    const memory = allocate(4096);
    const length = syscall('getcwd', GETCWD, [memory.address, memory.bytes.length]);
    expect(Buffer.from(memory.bytes.subarray(0, length - 1)).toString()).toBe(process.cwd());
  });

  it('throws the error by its name', () => {
    expect(() => syscall('close', CLOSE, [-1])).toThrow('close: EBADF');
  });

  it('names an error that POSIX does not have', () => {
    expect(new SyscallError('init_module', 129, 'load').errno).toBe('EKEYREJECTED');
  });
});
