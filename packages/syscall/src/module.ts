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

/** Returns the callback of a call on a pool thread and the promise that it settles. */
function outcome(call: string): {
  readonly promise: Promise<void>;
  readonly done: (error: Error | null, result: number) => void;
} {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = (error: Error | null, result: number): void => {
    if (error !== null) reject(error);
    // In this callback errno is that of the thread that made the call.
    else if (result < 0) reject(new SyscallError(call, errno(), 'load module'));
    else resolve();
  };
  return { promise, done };
}

/**
 * Loads the kernel module open as `fd`, on a thread of the runtime's pool: its init function may sleep for seconds.
 * Needs CAP_SYS_MODULE.
 */
export async function finitModule(fd: number, parameters: string, flags = 0): Promise<void> {
  const { promise, done } = outcome('finit_module');
  libc.finitModule().async(numbers().finit, fd, parameters, flags, done);
  return promise;
}

/** The same from memory, for kernels that cannot read the file's compression. */
export async function initModule(image: Uint8Array, parameters: string): Promise<void> {
  const { promise, done } = outcome('init_module');
  libc.initModule().async(numbers().init, image, image.length, parameters, done);
  await promise;
  // The thread reads the memory, which this reference keeps from being freed.
  image.at(0);
}
