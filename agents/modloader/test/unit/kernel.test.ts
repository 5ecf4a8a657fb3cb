import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { SyscallError } from '@kios/syscall';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { linuxKernel } from '../../src/edge/kernel/linux-kernel.ts';
import { packingOf, unpack } from '../../src/edge/kernel/unpack.ts';
import { setUp } from '../support/fake-kernel.ts';
import { kernelContract } from '../support/kernel-contract.ts';

/** No kernel takes it for a module. */
const GARBAGE = Buffer.from('no module at all\n'.repeat(100));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-kernel-'));
  const files: Readonly<Record<string, Uint8Array>> = {
    'a.ko': GARBAGE,
    'b.ko': GARBAGE,
    'a.ko.gz': gzipSync(GARBAGE),
    'a.ko.zst': zstdCompressSync(GARBAGE),
    'a.ko.xz': GARBAGE,
    'cut.ko.gz': gzipSync(GARBAGE).subarray(0, 30),
    'cut.ko.zst': zstdCompressSync(GARBAGE).subarray(0, 20),
  };
  for (const [name, content] of Object.entries(files))
    await writeFile(path.join(folder, name), content);
  await symlink('/etc/hostname', path.join(folder, 'out.ko'));
});
afterAll(() => rm(folder, { recursive: true }));

const load = async (file: string): Promise<unknown> =>
  linuxKernel(folder)
    .load(file, '')
    .catch((thrown: unknown) => thrown);

describe('the kernel of the tests', () => {
  kernelContract(async () => {
    const { kernel } = setUp();
    for (const name of ['a', 'b']) kernel.fail.set(name, ['ENOEXEC']);
    return { kernel, files: ['a.ko', 'b.ko'] };
  });
});

describe('the running kernel', () => {
  kernelContract(async () => ({ kernel: linuxKernel(folder), files: ['a.ko', 'b.ko'] }));

  it.each(['a.ko.gz', 'a.ko.zst'])('is handed what %s holds', async (file) => {
    expect(await load(file)).toBeInstanceOf(SyscallError);
    expect(await unpack(path.join(folder, file), packingOf(file)!)).toEqual(GARBAGE);
  });

  it.each([
    ['a.ko.xz', 'KIOS_MODULE_PACKING'],
    ['cut.ko.gz', 'KIOS_MODULE_PACKING'],
    ['cut.ko.zst', 'KIOS_MODULE_PACKING'],
    ['out.ko', 'KIOS_MODULE_PATH'],
    ['../../etc/hostname', 'KIOS_MODULE_PATH'],
    ['missing.ko', 'ENOENT'],
  ])('is not handed %s', async (file, code) => {
    expect(await load(file)).toMatchObject({ code });
  });
});
