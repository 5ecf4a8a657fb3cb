import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Tree } from '../../src/build/formats/tree.ts';
import { firmwareOf, firmwareTree } from '../../src/build/image/firmware.ts';
import { makeModulesImage } from '../../src/build/image/modules-image.ts';
import { essentialModules } from '../../src/build/kernel/essential-modules.ts';
import { parseOptional } from '../../src/build/kernel/module-set.ts';
import { openToolroot, type Toolroot } from '../../src/build/sources/debian/toolroot.ts';
import { fileSha256 } from '../../src/workstation/digest.ts';
import { silent } from '../../src/workstation/progress.ts';
import { makeModule } from '../support/module.ts';
import { origin } from '../support/trees.ts';

const VERSION = '6.12.0-test';
/** The modules of a kernel, with what they say of themselves. */
const MODULES = {
  'kernel/drivers/net/ethernet/realtek/r8169.ko': ['alias=pci:v000010ECd*', 'firmware=rtl_nic/a.fw'],
  'kernel/drivers/net/ethernet/broadcom/bnx2x/bnx2x.ko': ['alias=pci:v000014E4d*', 'firmware=bnx2x/b.fw'],
} as const; // prettier-ignore
const isOptional = parseOptional('[{path: drivers/net/ethernet/broadcom/bnx2x, reason: rare}]');

let dir: string;
let tools: Toolroot;
let folder: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-modules-test-'));
  tools = await openToolroot(silent);
  folder = path.join(dir, 'all/lib/modules', VERSION);
  for (const [name, about] of Object.entries(MODULES)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), makeModule(about));
  }
  await writeFile(path.join(folder, 'modules.order'), `${Object.keys(MODULES).join('\n')}\n`);
  await writeFile(path.join(folder, 'modules.builtin'), 'kernel/drivers/scsi/scsi.ko\n');
  await writeFile(
    path.join(folder, 'modules.builtin.modinfo'),
    'scsi.license=GPL\0tg3.firmware=tigon/c.bin\0',
  );
  await tools.run('usr/sbin/depmod', ['-b', path.join(dir, 'all'), VERSION]);
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('the modules of the root', () => {
  it('are all but the optional ones, with indexes that name no other', async () => {
    const made = await essentialModules({ folder, version: VERSION, tools, progress: silent }, isOptional); // prettier-ignore
    const read = (name: string): Promise<string> => readFile(path.join(made, name), 'utf8');
    const kept = 'kernel/drivers/net/ethernet/realtek/r8169.ko';
    expect(await readFile(path.join(made, kept))).toEqual(makeModule(MODULES[kept]));
    expect(await read('modules.dep')).toBe(`${kept}:\n`);
    expect(await read('modules.alias')).toContain('v000010EC');
    expect(await read('modules.alias')).not.toContain('v000014E4');
    expect(await read('modules.builtin')).toContain('scsi.ko');
  });

  it('are refused when one of them needs one that is left out', async () => {
    const broken = path.join(dir, 'broken');
    await mkdir(broken);
    const needs = Object.keys(MODULES).join(': ');
    await writeFile(path.join(broken, 'modules.dep'), `${needs}\n`);
    const made = essentialModules(
      { folder: broken, version: VERSION, tools, progress: silent },
      isOptional,
    );
    await expect(made).rejects.toMatchObject({ code: 'KIOS_KERNEL_MODULES' });
  });
});

const make = (firmware: Tree) =>
  makeModulesImage({ version: VERSION, allModules: folder, origin }, firmware, tools, silent);

describe('modules.erofs', () => {
  it('has every module with the indexes of all, and the firmware that they name', async () => {
    const files = path.join(dir, 'package');
    for (const name of ['rtl_nic', 'tigon'])
      await mkdir(path.join(files, name), { recursive: true });
    await writeFile(path.join(files, 'rtl_nic/a-1.0.fw'), 'a');
    await symlink('a-1.0.fw', path.join(files, 'rtl_nic/a.fw'));
    await writeFile(path.join(files, 'tigon/c.bin'), 'c');
    await writeFile(path.join(files, 'tigon/nobody.bin'), 'd');
    const realtek = {
      name: 'realtek',
      folder: files,
      origin: { ...origin, name: 'firmware-realtek', licence: 'Do as we say.' },
      microcode: undefined,
    } as const;
    const wanted = await firmwareOf(folder, tools);
    expect([...wanted].toSorted()).toEqual(['bnx2x/b.fw', 'rtl_nic/a.fw', 'tigon/c.bin']);
    const { file } = await make(await firmwareTree([realtek], wanted, silent));
    const unpacked = path.join(dir, 'unpacked');
    await tools.run('usr/bin/fsck.erofs', [`--extract=${unpacked}`, '--no-preserve', file]);
    const read = (name: string): Promise<string> => readFile(path.join(unpacked, name), 'utf8');
    for (const [name, about] of Object.entries(MODULES))
      expect(await readFile(path.join(unpacked, 'lib/modules', VERSION, name))).toEqual(
        makeModule(about),
      );
    expect(await read(`lib/modules/${VERSION}/modules.alias`)).toContain('v000014E4');
    expect(await read('lib/firmware/rtl_nic/a.fw')).toBe('a');
    expect(await read('lib/firmware/tigon/c.bin')).toBe('c');
    expect(await read('licences/firmware-realtek')).toBe('Do as we say.');
    await expect(read('lib/firmware/tigon/nobody.bin')).rejects.toThrow('ENOENT');
  });

  it('is another file with other firmware, and says its own digest', async () => {
    const plain = await make(new Tree());
    const more = await make(new Tree().text('/lib/firmware/x.fw', 'x', origin));
    expect(plain.sha256).toBe(await fileSha256(plain.file));
    expect(plain.sha256).not.toBe(more.sha256);
    expect((await make(new Tree())).sha256).toBe(plain.sha256);
  });
});
