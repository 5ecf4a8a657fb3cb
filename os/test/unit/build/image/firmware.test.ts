import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Tree } from '../../../../src/build/formats/tree.ts';
import {
  builtinFirmware,
  firmwareTree,
  microcodeOf,
} from '../../../../src/build/image/firmware.ts';
import {
  FIRMWARE,
  type FirmwareChoice,
} from '../../../../src/build/sources/debian/firmware-names.ts';
import type { FirmwarePackage } from '../../../../src/build/sources/debian/firmware.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { origin } from '../../../support/trees.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-firmware-'));
  for (const name of ['bnx2x', 'intel-ucode', 'amd-ucode']) await mkdir(path.join(folder, name));
  for (const [name, text] of Object.entries({
    'bnx2x/used.fw': 'used',
    'bnx2x/unused.fw': 'unused',
    'intel-ucode/06-9e-0a.initramfs': 'B',
    'intel-ucode/06-55-04': 'A',
    'amd-ucode/microcode_amd.bin': 'C',
    'amd-ucode/microcode_amd.bin.asc': 'signature',
  }))
    await writeFile(path.join(folder, name), text);
  await symlink('/etc/passwd', path.join(folder, 'bnx2x/outside.fw'));
});
afterAll(() => rm(folder, { recursive: true }));

function packageOf(name: keyof typeof FIRMWARE): FirmwarePackage {
  const choice: FirmwareChoice = FIRMWARE[name];
  const licensed = { ...origin, name: choice.package, licence: `licence of ${name}` };
  return { name, folder, origin: licensed, microcode: choice.microcode };
}

const paths = (tree: Tree): string[] =>
  tree.sorted().flatMap(([where, { type }]) => (type === 'file' ? [where] : []));
const text = (tree: Tree, where: string): string => {
  const entry = new Map(tree.sorted()).get(where);
  return entry?.type === 'file' && 'bytes' in entry.content ? String(entry.content.bytes) : '';
};

describe('firmware of a build', () => {
  it('is what drivers name, with its licence, and no file outside the package', async () => {
    const wanted = new Set(['bnx2x/used.fw', 'bnx2x/outside.fw', '../escape', 'missing.fw']);
    const tree = await firmwareTree([packageOf('bnx2x')], wanted, silent);
    expect(paths(tree)).toEqual(['/lib/firmware/bnx2x/used.fw', '/licences/firmware-bnx2x']);
  });

  it('is named by built-in drivers too', () => {
    const modinfo = 'tg3.firmware=tigon/tg3.bin\0tg3.license=GPL\0a.description=b.firmware=c\0';
    expect(builtinFirmware(modinfo)).toEqual(['tigon/tg3.bin']);
  });
});

describe('microcode', () => {
  it('is one file for each maker, in the place where the kernel looks, with its licence in the root', async () => {
    const microcode = await microcodeOf([
      packageOf('amd-microcode'),
      packageOf('bnx2x'),
      packageOf('intel-microcode'),
    ]);
    const { early, licences } = microcode!;
    expect(paths(early)).toEqual([
      '/kernel/x86/microcode/AuthenticAMD.bin',
      '/kernel/x86/microcode/GenuineIntel.bin',
    ]);
    expect(text(early, '/kernel/x86/microcode/GenuineIntel.bin')).toBe('AB');
    expect(text(early, '/kernel/x86/microcode/AuthenticAMD.bin')).toBe('C');
    expect(paths(licences)).toEqual([
      '/lib/kios/licences/amd64-microcode',
      '/lib/kios/licences/intel-microcode',
    ]);
  });

  it('is absent unless it is chosen', async () => {
    expect(await microcodeOf([packageOf('bnx2x')])).toBeUndefined();
  });
});
