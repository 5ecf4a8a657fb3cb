import { SyscallError } from '@kios/syscall';
import { expect, it } from 'vitest';

import type { Kernel } from '../../src/core/loading/kernel.ts';

/** A kernel, and two files of its folder that it refuses, as `name.ko`. */
export interface Refusing {
  readonly kernel: Kernel;
  readonly files: readonly [string, string];
}

/** What the loader relies on, whichever kernel it has. */
export function kernelContract(open: () => Promise<Refusing>): void {
  it('knows no module that was never loaded', async () => {
    const { kernel } = await open();
    expect(kernel.state('no_such_module')).toBe('absent');
    expect(kernel.loaded()).not.toContain('no_such_module');
  });

  it('rejects a load with the errno, and has not loaded it', async () => {
    const { kernel, files } = await open();
    const [file] = files;
    const error: unknown = await kernel.load(file, 'a=1').catch((thrown: unknown) => thrown);
    expect(error).toSatisfy((thrown) => thrown instanceof SyscallError && /^E[A-Z]+$/.test(thrown.errno)); // prettier-ignore
    expect(kernel.state(file.replace('.ko', ''))).toBe('absent');
  });

  it('begins a load without waiting for its end, and bears several at a time', async () => {
    const { kernel, files } = await open();
    let ended = 0;
    const loads = files.map((file) => kernel.load(file, '').catch(() => ended++));
    expect(ended).toBe(0);
    await Promise.all(loads);
    expect(ended).toBe(2);
  });
}
