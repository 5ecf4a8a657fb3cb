import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { BuildRecord } from '../../src/core/image/build-record.ts';
import { digestIn } from '../../src/core/pass/memory.ts';
import { MemoryFile } from '../../src/edge/host/host.ts';
import { Stager } from '../../src/verbs/stager.ts';
import { FakeInit } from '../support/fake-init.ts';
import { record } from '../support/given.ts';

const { signal } = new AbortController();
const REST = 'arm_64bit=1\n'.repeat(60);
const CONFIG = `os_prefix=system/0001/\n#kios good=0001 trial=0000\n${REST}`;
const NAMED = {
  running: 1,
  failed: undefined,
  usesModules: false,
  signers: null,
  board: 'rpi4',
} as const;

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
const part = (content: string, offset?: number) => ({
  sha256: sha256(content),
  bytes: content.length,
  ...(offset === undefined ? {} : { offset }),
});

const PARTS = { 'kernel8.img': 'new kernel', 'b.dtb': 'tree', 'cmdline.txt': 'quiet kios.added\n' };
const wanted: BuildRecord = {
  ...record(),
  arch: 'arm64',
  boards: {
    rpi4: {
      'kernel8.img': part(PARTS['kernel8.img']),
      'b.dtb': part(PARTS['b.dtb']),
      'cmdline.txt': part(PARTS['cmdline.txt']),
      initramfs8: part('new initramfs', 7),
    },
  },
};

const log = createLogger('update', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});
let init: FakeInit;

const openStager = (): Promise<Stager> =>
  Stager.open({
    place: init.place,
    os: init.at('os'),
    bootId: 'boot-1',
    memory: new MemoryFile(init.at('state')),
    signal,
    log,
  });

beforeEach(async () => {
  init = await FakeInit.start();
  mkdirSync(init.at('disk/system/0001'), { recursive: true });
  init.write('config.txt', CONFIG);
  init.write('system/0001/kernel8.img', 'kernel');
  init.write('system/0001/initramfs8', 'initramfs');
  init.write('system/0001/cmdline.txt', 'old kios.added mitigations=off\n');
  mkdirSync(init.at('os/rpi4'));
  for (const [name, content] of Object.entries(PARTS))
    writeFileSync(init.at(`os/rpi4/${name}`), content);
  writeFileSync(init.at('os/kios.efi'), 'MZ.....new initramfs and more');
});
afterEach(() => init[Symbol.asyncDispose]());

describe('a system for a board', () => {
  it('is written beside the running one, with the initramfs out of kios.efi, and starts next', async () => {
    const stager = await openStager();
    expect(await stager.stage(NAMED, wanted)).toBe(2);
    expect(init.names('system/0002')).toEqual([
      'b.dtb',
      'cmdline.txt',
      'initramfs8',
      'kernel8.img',
    ]);
    expect(init.read('system/0002/initramfs8')).toBe('new initramfs');
    expect(init.read('system/0002/cmdline.txt')).toBe('quiet kios.added mitigations=off\n');
    expect(init.read('config.txt')).toBe(
      `os_prefix=system/0002/\n#kios good=0001 trial=0002\n${REST}`,
    );
    await vi.waitFor(() => expect(init.isMounted).toBe(false), 5000);
    const { mounts } = init;
    expect(await stager.stage(NAMED, wanted)).toBe(2);
    expect(init.mounts).toBe(mounts + 1);
  });

  it('is known by the digest of its initramfs', async () => {
    const stager = await openStager();
    await stager.learn({ ...NAMED, failed: 5 });
    expect(digestIn(stager.memory, 1)).toBe(sha256('initramfs'));
    expect(digestIn(stager.memory, 5)).toBeUndefined();
  });

  it('is taken back', async () => {
    const stager = await openStager();
    await stager.stage(NAMED, wanted);
    await stager.unstage(NAMED);
    expect(init.read('config.txt')).toBe(CONFIG);
    expect(init.names('system')).toEqual(['0001']);
  });

  it.each([
    ['a file that is another one', 'os/rpi4/kernel8.img', 'bad kernel'],
    ['an initramfs that is another one', 'os/kios.efi', 'MZ.....old initramfs and more'],
  ])('is refused with %s, and nothing is written', async (_, file, content) => {
    writeFileSync(init.at(file), content);
    const stager = await openStager();
    await expect(stager.stage(NAMED, wanted)).rejects.toMatchObject({ code: 'KIOS_UPDATE_IMAGE' });
    expect([init.names('system'), init.read('config.txt')]).toEqual([['0001'], CONFIG]);
  });

  it('is not named when the medium does not keep it', async () => {
    init.onMount = (mount) => {
      if (mount === 2) init.write('system/0002/initramfs8', 'rot');
    };
    const stager = await openStager();
    await expect(stager.stage(NAMED, wanted)).rejects.toMatchObject({ code: 'KIOS_UPDATE_WRITE' });
    expect(init.read('config.txt')).toBe(CONFIG);
    init.onMount = () => {};
    expect(await stager.stage(NAMED, wanted)).toBe(3);
    expect(init.read('system/0003/initramfs8')).toBe('new initramfs');
  });
});
