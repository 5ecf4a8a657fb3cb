import {
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { requireRoot } from '@kios/testkit';
import { execa } from 'execa';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { copyBootPartition } from '../../src/artefact/boot-partition.ts';
import type { ExportedFile } from '../../src/artefact/export/results.ts';
import { openExportTools, type ExportTools } from '../../src/artefact/export/tools.ts';
import { vhdChecksum } from '../../src/artefact/export/vhd.ts';
import { decodeGpt, SECTOR, TYPE } from '../../src/build/formats/gpt.ts';
import { openToolroot, type Toolroot } from '../../src/build/sources/debian/toolroot.ts';
import { fileSha256, sha256 } from '../../src/workstation/digest.ts';
import { pathsBelow } from '../../src/workstation/paths-below.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import {
  makeBoardDisk,
  makeSmallArtefacts,
  makeSmallDisk,
  type SmallArtefacts,
} from '../support/artefact.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
const MIB = 1024 * 1024;
const FORMATS = ['raw.zst', 'qcow2', 'vhd', 'vhdx', 'vmdk', 'gce', 'iso', 'pxe', 'os-list'];
const NAME = 'kios-1.2.3-amd64';
const LIST = ['--url', 'https://example.com/images/', '--device', 'pi4-64bit'];

let dir: string;
let image: string;
let made: SmallArtefacts;
let efi: string;
let out: string;
let exported: readonly ExportedFile[];
let tools: Toolroot;
let qemu: ExportTools;

const kios = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  execa(process.execPath, [main, 'export', ...args], {
    reject: false,
    stdin: 'ignore',
    env: { TMPDIR: dir, KIOS_DEBUG: undefined, ...env },
  });

const at = (suffix: string): string => path.join(out, `${NAME}${suffix}`);

async function exportInto(
  folder: string,
  from = image,
  formats: readonly string[] = FORMATS,
): Promise<ExportedFile[]> {
  const args = [from, '--format', ...formats, ...LIST, '--out', folder, '--json'];
  const { stdout, stderr, exitCode } = await kios(args);
  expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
  return v.parse(
    v.pipe(v.string(), v.parseJson(), v.custom<ExportedFile[]>(Array.isArray)),
    stdout,
  );
}

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-test-export-'));
  made = await makeSmallArtefacts(await mkdtemp(path.join(dir, 'made-')));
  ({ efi } = made);
  image = await makeSmallDisk(await mkdtemp(path.join(dir, 'disk-')), efi);
  [tools, qemu] = [await openToolroot(silent), await openExportTools(silent)];
  out = path.join(dir, 'out');
  exported = await exportInto(out);
});

afterAll(() => rm(dir, { recursive: true }));

const Info = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ format: v.string(), 'virtual-size': v.number() }),
);

async function info(driver: string, file: string): Promise<v.InferOutput<typeof Info>> {
  const args = ['info', '-f', driver, '--output=json', file];
  return v.parse(Info, await qemu.run('usr/bin/qemu-img', args));
}

/** Fails unless QEMU reads the same bytes from both. */
const sameDisk = (driver: string, file: string): Promise<string> =>
  qemu.run('usr/bin/qemu-img', ['compare', '-f', 'raw', '-F', driver, image, file]);

describe('each format holds the bytes of the image, as QEMU reads them:', () => {
  it.each([
    ['qcow2', 'qcow2'],
    ['vhd', 'vpc'],
    ['vhdx', 'vhdx'],
    ['vmdk', 'vmdk'],
  ])('%s', async (suffix, driver) => {
    const file = at(`.${suffix}`);
    expect(await info(driver, file)).toEqual({
      format: driver,
      'virtual-size': (await stat(image)).size,
    });
    expect(await sameDisk(driver, file)).toContain('Images are identical');
  });

  it.each(['qcow2', 'vhdx', 'vmdk'])('qemu-img finds no fault in %s', async (format) => {
    const checked = await qemu.run('usr/bin/qemu-img', ['check', '-f', format, at(`.${format}`)]);
    expect(checked).toContain('No errors were found');
  });

  it('raw.zst', async () => {
    const raw = path.join(dir, 'unpacked.img');
    await tools.run('usr/bin/zstd', ['-d', '-f', '-q', at('.img.zst'), '-o', raw]);
    expect(await fileSha256(raw)).toBe(await fileSha256(image));
  });
});

it('a VHD is what Azure takes: fixed, whole MiB and a footer whose sum is right', async () => {
  const disk = await readFile(at('.vhd'));
  expect((disk.length - 512) % MIB).toBe(0);
  const footer = disk.subarray(-512);
  expect(footer.readUInt32BE(60)).toBe(2);
  expect(Number(footer.readBigUInt64BE(48))).toBe(disk.length - 512);
  expect(footer.readUInt32BE(64)).toBe(vhdChecksum(footer));
});

it('an archive for GCE is GNU’s and holds disk.raw of whole GiB with a table at its end', async () => {
  const unpacked = await mkdtemp(path.join(dir, 'gce-'));
  const archive = at('-gce.tar.gz');
  expect(await run('tar', ['-tzf', archive])).toBe('disk.raw');
  await run('tar', ['-xzSf', archive, '-C', unpacked]);
  const tar = await execa('gzip', ['-dc', archive], { encoding: 'buffer' });
  const header = Buffer.from(tar.stdout.buffer, tar.stdout.byteOffset, SECTOR);
  expect([header.toString('latin1', 257, 265), header.toString('latin1', 156, 157)]).toEqual([
    'ustar  \0',
    'S',
  ]);
  const disk = path.join(unpacked, 'disk.raw');
  const { size } = await stat(disk);
  expect(size).toBe(1024 * MIB);
  await using file = await open(disk);
  const read = async (offset: number, bytes: number): Promise<Buffer> =>
    (await file.read(Buffer.alloc(bytes), 0, bytes, offset)).buffer;
  const [before, after] = [decodeGpt(await readFile(image)), decodeGpt(await read(0, 64 * 1024))];
  expect(after).toEqual(before);
  const last = await read(size - SECTOR, SECTOR);
  expect(last.toString('latin1', 0, 8)).toBe('EFI PART');
  expect(Number((await read(SECTOR, SECTOR)).readBigUInt64LE(32))).toBe(size / SECTOR - 1);
  expect(Number(last.readBigUInt64LE(24))).toBe(size / SECTOR - 1);
  const whole = await readFile(image);
  const stale = await read(whole.length - SECTOR, SECTOR);
  expect(stale.equals(Buffer.alloc(SECTOR))).toBe(true);
  for (const { offset, bytes } of before!)
    expect((await read(offset, bytes)).equals(whole.subarray(offset, offset + bytes))).toBe(true);
});

it('an ISO starts by El Torito and by GPT, from one file system with the image’s files', async () => {
  const iso = at('.iso');
  const ask = ['-indev', iso, '-report_el_torito', 'plain'];
  const reported = await qemu.run('usr/bin/xorriso', ask);
  // A load size of 0 extends to the end of the medium (UEFI specification 2.10, section 13.3.2.1).
  const start = /^El Torito boot img : +1 +UEFI +y +none +0x0000 +0x00 +0 +(\d+)$/m.exec(reported);
  await using file = await open(iso);
  const { buffer } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0);
  const esp = decodeGpt(buffer)?.find(({ type }) => type === TYPE.esp);
  expect(esp?.offset).toBe(Number(start?.[1]) * 2048);
  const files = await mkdtemp(path.join(dir, 'iso-'));
  await copyBootPartition(iso, esp!, files, tools);
  expect((await pathsBelow(files)).files).toEqual([
    'EFI/BOOT/BOOTX64.EFI',
    'kios/A longer name.txt',
  ]);
  expect(await fileSha256(path.join(files, 'EFI/BOOT/BOOTX64.EFI'))).toBe(await fileSha256(efi));
});

it('inspect reads an ISO as it reads the image', async () => {
  const args = [main, 'inspect', at('.iso'), '--json'];
  const { stdout } = await execa(process.execPath, args, { env: { TMPDIR: dir } });
  const seen: unknown = JSON.parse(stdout);
  expect(seen).toMatchObject({
    kind: 'disk',
    efi: { bytes: (await stat(efi)).size },
    root: { release: { version: '1.2.3' } },
  });
});

it('a folder for network boot holds the EFI file of the image', async () => {
  const folder = at('-netboot');
  expect((await readdir(folder)).toSorted()).toEqual(['SHA256SUMS', 'boot.ipxe', 'kios.efi']);
  expect(await fileSha256(path.join(folder, 'kios.efi'))).toBe(await fileSha256(efi));
  const sums = await run('sha256sum', ['--check', 'SHA256SUMS'], { cwd: folder });
  expect(sums).toBe('kios.efi: OK\nboot.ipxe: OK');
});

it('Imager’s list has the sizes and digests of both forms of the image', async () => {
  const list: unknown = JSON.parse(await readFile(path.join(out, 'os_list.json'), 'utf8'));
  const compressed = at('.img.zst');
  expect(list).toMatchObject({
    os_list: [
      {
        name: 'kiOS 1.2.3 (amd64)',
        url: `https://example.com/images/${NAME}.img.zst`,
        extract_size: (await stat(image)).size,
        extract_sha256: await fileSha256(image),
        image_download_size: (await stat(compressed)).size,
        image_download_sha256: await fileSha256(compressed),
        release_date: '2026-09-21',
        devices: ['pi4-64bit'],
        init_format: 'cloudinit',
      },
    ],
  });
});

it('an OVF is well-formed, names the VMDK with its sizes and asks for UEFI', async () => {
  const file = at('.ovf');
  await run('python3', ['-c', 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])', file]);
  const ovf = await readFile(file, 'utf8');
  expect(ovf).toContain(`ovf:href="${NAME}.vmdk" ovf:size="${(await stat(at('.vmdk'))).size}"`);
  expect(ovf).toContain(`ovf:capacity="${(await stat(image)).size}"`);
  expect(ovf).toContain('vmw:key="firmware" vmw:value="efi"');
  const digests = [...(await readFile(at('.mf'), 'utf8')).matchAll(/SHA256\((.+)\)= (\w+)/g)];
  expect(digests).toHaveLength(2);
  for (const [, name, digest] of digests)
    expect(await fileSha256(path.join(out, name!))).toBe(digest);
});

it('tells each file with size and digest, and leaves nothing else', async () => {
  for (const { file, bytes, sha256: digest } of exported) {
    const content = await readFile(path.resolve(file));
    expect([content.length, sha256(content)]).toEqual([bytes, digest]);
  }
  const names = new Set(exported.map(({ file }) => path.relative(out, path.resolve(file))));
  const { files } = await pathsBelow(out);
  expect(files).toEqual([...names].toSorted((a, b) => (a < b ? -1 : 1)));
  expect((await readdir(dir)).filter((name) => name.startsWith('kios-export-'))).toEqual([]);
});

const digests = (files: readonly ExportedFile[]) =>
  files.map(({ file, sha256: digest }) => [path.basename(file), digest]);

it('writes equal bytes for an equal image, wherever and whenever', async () => {
  const copy = path.join(await mkdtemp(path.join(dir, 'elsewhere-')), 'other name.img');
  await copyFile(image, copy);
  await utimes(copy, 1, 1);
  const again = await exportInto(path.join(dir, 'again'), copy);
  expect(digests(again)).toEqual(digests(exported));
});

it('replaces the results of an earlier export', async () => {
  const folder = path.join(dir, 'replaced');
  await mkdir(path.join(folder, `${NAME}-netboot`), { recursive: true });
  await writeFile(path.join(folder, `${NAME}-netboot/old`), '');
  await writeFile(path.join(folder, `${NAME}.qcow2`), 'old');
  await exportInto(folder, image, ['qcow2', 'pxe']);
  expect((await pathsBelow(folder)).files).toEqual([
    `${NAME}-netboot/SHA256SUMS`,
    `${NAME}-netboot/boot.ipxe`,
    `${NAME}-netboot/kios.efi`,
    `${NAME}.qcow2`,
  ]);
  expect((await info('qcow2', path.join(folder, `${NAME}.qcow2`))).format).toBe('qcow2');
});

/** Returns what is left behind in the folder of temporary files. */
const leftovers = async (): Promise<string[]> =>
  (await readdir(dir)).filter((name) => name.startsWith('kios-export-'));

describe('a failure is named and leaves nothing behind:', () => {
  it.each<[string, () => string[], string, number, RegExp]>([
    [
      'an EFI file in place of an image',
      () => [efi, '--format', 'iso'],
      'KIOS_ARTEFACT',
      EXIT.data,
      /it is no disk image/,
    ],
    [
      'a list without an address',
      () => [image, '--format', 'os-list'],
      'KIOS_CLI_USAGE',
      EXIT.usage,
      /--url is missing/,
    ],
    ['no format', () => [image], 'KIOS_CLI_USAGE', EXIT.usage, /a format is missing/],
    [
      'a folder that is a file',
      () => [image, '--format', 'pxe', '--out', efi],
      'KIOS_EXPORT',
      EXIT.data,
      /EEXIST/,
    ],
  ])('%s', async (_, args, code, exitCode, reason) => {
    const ended = await kios(args());
    expect(ended.stderr).toMatch(new RegExp(String.raw`^kios: cannot .* \[${code}\]$`, 'm'));
    expect(ended.stderr).toMatch(reason);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    expect([ended.exitCode, ended.stdout, await leftovers()]).toEqual([exitCode, '', []]);
  });

  it('an image whose boot partition is damaged', async () => {
    const folder = path.join(dir, 'damaged');
    const damaged = path.join(dir, 'damaged.img');
    await copyFile(image, damaged);
    await using file = await open(damaged, 'r+');
    await file.write(Buffer.alloc(2 * MIB), 0, 2 * MIB, MIB);
    const ended = await kios([damaged, '--format', 'qcow2', '--out', folder]);
    expect(ended.stderr).toMatch(/boot partition is damaged: .* \[KIOS_EXPORT\]$/m);
    expect([ended.exitCode, await readdir(folder), await leftovers()]).toEqual([EXIT.data, [], []]);
  });

  it('a full disk', async (context) => {
    requireRoot(context);
    const folder = await mkdtemp(path.join(dir, 'full-'));
    const command = `mount -t tmpfs -o size=200k none "$0" && { "$@"; code=$?; ls -A "$0"; exit $code; }`;
    const args = [process.execPath, main, 'export', image, '--format', 'qcow2', '--out', folder];
    const ended = await execa('unshare', ['-m', 'sh', '-c', command, folder, ...args], {
      reject: false,
      stdin: 'ignore',
      env: { TMPDIR: dir },
    });
    expect(ended.stderr).toMatch(/\[KIOS_DISK_FULL\]$/m);
    expect([ended.exitCode, ended.stdout, await leftovers()]).toEqual([EXIT.system, '', []]);
  });
});

it('an interruption leaves neither a result nor a part of one', async () => {
  const large = path.join(dir, 'large.img');
  await copyFile(image, large);
  // A hole behind the disk: seconds of work, no space.
  await run('truncate', ['-s', '2G', large]);
  const folder = path.join(dir, 'interrupted');
  const child = kios([large, '--format', 'raw.zst', '--out', folder]);
  let shown = '';
  child.stderr.on('data', (text: Buffer) => {
    const before = shown;
    shown += text.toString();
    // Once: a second signal ends the program without cleaning up.
    if (shown.includes('raw.zst …') && !before.includes('raw.zst …')) child.kill('SIGINT');
  });
  const { exitCode } = await child;
  expect(shown).toContain('kios: interrupted');
  expect([exitCode, await readdir(folder), await leftovers()]).toEqual([130, [], []]);
});

describe('an image for a board', () => {
  let boardImage: string;
  beforeAll(async () => {
    boardImage = await makeBoardDisk(await mkdtemp(path.join(dir, 'board-')), made);
  });

  it('is listed for Raspberry Pi Imager under the board’s tag', async () => {
    const folder = await mkdtemp(path.join(dir, 'board-'));
    const args = ['--format', 'os-list', '--url', 'https://example.com', '--out', folder];
    expect((await kios([boardImage, ...args])).exitCode).toBe(0);
    const [entry] = v.parse(
      v.pipe(v.string(), v.parseJson(), v.object({ os_list: v.array(v.looseObject({})) })),
      await readFile(path.join(folder, 'os_list.json'), 'utf8'),
    ).os_list;
    expect(entry).toMatchObject({
      name: 'kiOS 1.2.3 (Raspberry Pi 4)',
      url: 'https://example.com/kios-1.2.3-rpi4.img.zst',
      devices: ['pi4-64bit'],
      extract_sha256: await fileSha256(boardImage),
    });
  });

  it.each(['iso', 'qcow2'])('is not exported as %s, which starts no board', async (format) => {
    const folder = await mkdtemp(path.join(dir, 'board-'));
    const { stderr, exitCode } = await kios([boardImage, '--format', format, '--out', folder]);
    expect(exitCode).toBe(EXIT.usage);
    expect(stderr).toContain(`kios: cannot export an image for rpi4 as ${format} [KIOS_CLI_USAGE]`);
    expect(await readdir(folder)).toEqual([]);
  });
});
