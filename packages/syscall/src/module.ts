import { KiosError } from '@kios/errors';

import { errno, libc } from './libc.ts';
import { SyscallError } from './syscall-error.ts';

/** Flags of finit_module(2), from linux/module.h. */
export const MODULE_INIT = { ignoreModversions: 1, ignoreVermagic: 2, compressed: 4 } as const;

const NUMBERS: Readonly<Record<string, { finit: number; init: number }>> = {
  x64: { finit: 313, init: 175 },
  arm64: { finit: 273, init: 105 },
};

function numbers(): { finit: number; init: number } {
  const found = NUMBERS[process.arch];
  if (found !== undefined) return found;
  throw new KiosError(
    'KIOS_SYSCALL_ARCH',
    `load a kernel module on ${process.arch}: its system call numbers are unknown`,
  );
}

/** Loads the kernel module open as `fd`. Blocks until its init function returns. Needs CAP_SYS_MODULE. */
export function finitModule(fd: number, parameters: string, flags = 0): void {
  const result = libc.finitModule()(numbers().finit, fd, parameters, flags);
  if (result < 0) throw new SyscallError('finit_module', errno(), 'load module');
}

/** Loads a kernel module from memory, for kernels that cannot read the file's compression. */
export function initModule(image: Uint8Array, parameters: string): void {
  const result = libc.initModule()(numbers().init, image, image.length, parameters);
  if (result < 0) throw new SyscallError('init_module', errno(), 'load module');
}
