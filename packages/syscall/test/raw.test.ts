import { describe, expect, it } from 'vitest';

import { allocate, syscall } from '../src/raw.ts';
import { SyscallError } from '../src/syscall-error.ts';

const GETPID = 39;
const GETCWD = 79;
const CLOSE = 3;

describe.skipIf(process.arch !== 'x64')('a raw system call', () => {
  it('answers what the kernel answers', () => {
    expect(syscall('getpid', GETPID, [])).toBe(process.pid);
  });

  it('lets the kernel write into memory of ours', () => {
    const memory = allocate(4096);
    const length = syscall('getcwd', GETCWD, [memory.address, memory.bytes.length]);
    expect(Buffer.from(memory.bytes.subarray(0, length - 1)).toString()).toBe(process.cwd());
  });

  it('throws the error by its name', () => {
    expect(() => syscall('close', CLOSE, [-1])).toThrow('close: EBADF');
  });

  it('names an error that POSIX has not', () => {
    expect(new SyscallError('init_module', 129, 'load').errno).toBe('EKEYREJECTED');
  });
});
