import { errno, libc } from './libc.ts';
import { SyscallError } from './syscall-error.ts';

/** EXT4_IOC_RESIZE_FS of linux/ext4.h, on x86-64 and arm64. */
const EXT4_IOC_RESIZE_FS = 0x4008_6610;

/**
 * Grows the mounted ext4 file system that `fd` belongs to. `fd` may be open for reading only, but its mount must be
 * writable. Needs CAP_SYS_RESOURCE in the first user namespace. Does nothing when there are so many blocks already.
 */
export function resizeExt4(fd: number, blocks: number): void {
  const argument = Buffer.alloc(8);
  argument.writeBigUInt64LE(BigInt(blocks));
  if (libc.ioctl()(fd, EXT4_IOC_RESIZE_FS, argument) < 0)
    throw new SyscallError('ioctl', errno(), `ask for ${blocks} blocks`);
}
