import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  initrdBytes,
  rootBeside,
  smallSystem,
} from '../../../../src/bench/secure-boot/small-system.ts';
import { readCpio } from '../../../../src/build/formats/cpio.ts';
import { Tree } from '../../../../src/build/formats/tree.ts';
import { makeUki, readSections } from '../../../../src/build/formats/uki.ts';
import { makeInitramfs } from '../../../../src/build/image/initramfs.ts';
import { rootFile } from '../../../../src/build/image/root.ts';
import { sha256 } from '../../../../src/workstation/digest.ts';
import { makeStub } from '../../../support/stub.ts';
import { origin } from '../../../support/trees.ts';

let dir: string;
let root: string;
const content = Buffer.alloc(10_001, 7);

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-small-'));
  root = path.join(dir, 'root.erofs');
  await writeFile(root, content);
});
afterAll(() => rm(dir, { recursive: true }));

const early = (): Tree => new Tree().directory('/dev').text('/init', 'program', origin);

async function makeWhole(): Promise<{ readonly initrd: Buffer; readonly efi: Buffer }> {
  const initrd = await makeInitramfs(early(), rootFile(root));
  const sections = [
    { name: '.cmdline', content: Buffer.from('quiet') },
    { name: '.initrd', content: initrd },
    { name: '.linux', content: Buffer.alloc(4096, 9) },
  ];
  return { initrd, efi: makeUki(makeStub(), sections) };
}

it('has the digest of the root in its place, and all else as it was', async () => {
  const { initrd, efi } = await makeWhole();
  const small = await smallSystem(efi, makeStub(), root);
  const [before, after] = [readSections(efi), readSections(small)];
  expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  const others = (sections: typeof before): typeof before =>
    sections.filter(({ name }) => name !== '.initrd');
  expect(others(after)).toEqual(others(before));
  const fresh = Buffer.from(after.find(({ name }) => name === '.initrd')!.content);
  const at = fresh.lastIndexOf('070701', fresh.lastIndexOf('root.sha256'));
  expect(at % 4).toBe(0);
  expect(fresh.subarray(0, at)).toEqual(initrd.subarray(0, at));
  const records = readCpio(fresh.subarray(at));
  expect(records.map(({ name, content: text }) => [name, text.toString()])).toEqual([
    ['root.sha256', `${sha256(content)}\n`],
  ]);
  expect(initrdBytes(efi) - initrdBytes(small)).toBeGreaterThan(content.length - 100);
});

it('is not made of a system with another root', async () => {
  const { efi } = await makeWhole();
  const other = path.join(dir, 'other.erofs');
  await writeFile(other, Buffer.alloc(10_001, 8));
  await expect(smallSystem(efi, makeStub(), other)).rejects.toThrow('does not end in');
});

it('has the root where the stub looks for it', () => {
  expect(rootBeside(1)).toBe('EFI/kios/0001.efi.extra.d/root.sysext.raw');
});
