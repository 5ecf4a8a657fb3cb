import { constants } from 'node:fs';
import { mkdtemp, open, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';

import { requireRoot } from '@kios/testkit';
import { execa, type ResultPromise } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { encodeGpt, placePartitions } from '../../src/build/formats/gpt.ts';
import { openDevice } from '../../src/media/device/client.ts';
import { HEAD, MIB } from '../../src/media/units.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { blockDeviceContract, CONTRACT_BYTES } from '../support/media/block-device-contract.ts';
import { LoopDevice } from '../support/media/loop-device.ts';
import { noise, smallImage } from '../support/media/small-image.ts';
import { Terminal } from '../support/media/terminal.ts';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts');
const image = smallImage(12, 5);
const DISK = image.bytes.length + 6 * MIB + 512;
let dir: string;
let file: string;

beforeAll(async () => {
  await ensurePackages(['media', 'media-tests'], silent);
  dir = await mkdtemp(path.join(tmpdir(), 'kios-flash-'));
  file = path.join(dir, 'kios.img');
  await writeFile(file, image.bytes);
}, 300_000);

afterAll(() => rm(dir, { recursive: true }));
beforeEach(requireRoot);

const options = { reject: false, env: { KIOS_DEBUG: undefined, KIOS_NO_INSTALL: '1' } } as const;
const kios = (...args: readonly string[]) =>
  execa(process.execPath, [MAIN, 'flash', ...args], { ...options, stdin: 'ignore' });
const named = (disk: LoopDevice, bytes = DISK): string[] => [disk.path, '--yes', `--size=${bytes}`];

/** A disk that was in use: other data, and partition tables at both ends. */
async function usedDisk(bytes = DISK, parent?: string): Promise<LoopDevice> {
  const disk = await LoopDevice.make(bytes, parent);
  const { start, end } = encodeGpt({ ...placePartitions(image.layout.guid, []), bytes });
  await disk.poke(0, noise(bytes, 'old'));
  await disk.poke(0, start);
  await disk.poke(bytes - end.length, end);
  return disk;
}

/** Whether firmware or Linux finds a partition table at either end. */
async function hasTable(disk: LoopDevice, bytes = DISK): Promise<boolean> {
  const [start, end] = [await disk.peek(512, 8), await disk.peek(bytes - 512, 8)];
  return [start, end].some((bytes) => bytes.toString('latin1') === 'EFI PART');
}

/** Runs a flash whose image comes through a pipe, and stops feeding it after `bytes`. */
function halfFed(disk: LoopDevice, bytes: number): ResultPromise<typeof options> {
  const child = execa(process.execPath, [MAIN, 'flash', '-', ...named(disk)], options);
  child.stdin.write(image.bytes.subarray(0, bytes));
  return child;
}

/** Waits until the medium holds a byte that the flash wrote. */
const written = (disk: LoopDevice, at: number): Promise<void> =>
  expect
    .poll(async () => (await disk.peek(at, 4096)).equals(image.bytes.subarray(at, at + 4096)), {
      timeout: 30_000,
      interval: 20,
    })
    .toBe(true);

describe('a disk of the kernel, opened by the child process', () => {
  let loop: LoopDevice;
  beforeEach(async (context) => {
    requireRoot(context);
    loop = await LoopDevice.make(CONTRACT_BYTES);
    return () => loop[Symbol.asyncDispose]();
  });
  blockDeviceContract(async () => openDevice(await loop.disk(), 'write', false));

  it('is nobody else’s while it is written to', async () => {
    const { O_RDWR, O_EXCL } = constants;
    const device = await openDevice(await loop.disk(), 'write', false);
    await expect(open(loop.path, O_RDWR | O_EXCL)).rejects.toThrow('EBUSY');
    await device[Symbol.asyncDispose]();
    await using other = await open(loop.path, O_RDWR | O_EXCL);
    await expect(openDevice(await loop.disk(), 'write', false)).rejects.toMatchObject({
      code: 'KIOS_FLASH_REFUSED',
      message: `open ${loop.path}: something uses it`,
    });
    expect((await other.stat()).isBlockDevice()).toBe(true);
  });

  it.each([
    ['size', { bytes: CONTRACT_BYTES + 512 }],
    ['serial number', { serial: '4C530001' }],
    ['model', { model: 'SanDisk Ultra' }],
    ['device number', { number: '8:16' }],
  ])('is refused when its %s is another one than the chosen disk’s', async (what, other) => {
    const chosen = { ...(await loop.disk()), ...other };
    await expect(openDevice(chosen, 'write', false)).rejects.toMatchObject({
      code: 'KIOS_FLASH_CHANGED',
      message: expect.stringContaining(`its ${what} was`) as unknown,
    });
  });

  it('reads what the medium holds, not what this machine remembers', async () => {
    await using device = await openDevice(await loop.disk(), 'write', false);
    await device.write(0, noise(8192));
    await loop.poke(4096, noise(4096, 'changed'));
    expect((await device.read(4096, 4096)).equals(noise(4096, 'changed'))).toBe(true);
  });
});

describe('flash', () => {
  it('writes and verifies an image, and the table is sound', async () => {
    await using disk = await usedDisk();
    const { exitCode, stdout, stderr } = await kios(file, ...named(disk), '--json');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      bytes: image.bytes.length,
      device: { path: disk.path, bytes: DISK },
      written: true,
    });
    const rest = await disk.peek(HEAD, image.bytes.length - HEAD - 33 * 512);
    expect(rest.equals(image.bytes.subarray(HEAD, HEAD + rest.length))).toBe(true);
    const judged = await run('sfdisk', ['--verify', disk.path]);
    expect(judged).toContain('No errors detected.');
    expect((await kios('--verify', file, disk.path)).exitCode).toBe(0);
  });

  it.each([
    ['zstd', () => Promise.resolve(zstdCompressSync(image.bytes))],
    [
      'xz',
      async () =>
        (await execa('xz', ['-0', '-c'], { input: image.bytes, encoding: 'buffer' })).stdout,
    ],
  ])('takes an image compressed by %s from standard input', async (_, compress) => {
    await using disk = await usedDisk();
    const { exitCode } = await execa(process.execPath, [MAIN, 'flash', '-', ...named(disk)], {
      ...options,
      input: await compress(),
    });
    expect(exitCode).toBe(0);
    expect((await kios('--verify', file, disk.path)).exitCode).toBe(0);
  });

  it.each([
    ['a disk that is too small', 8 * MIB, 'it is too small: it holds 8.4 MB, the image needs'],
    ['a disk without a medium', 0, 'there is no medium in it'],
  ])('refuses %s before a byte is written', async (_, bytes, reason) => {
    await using disk = await LoopDevice.make(bytes);
    await disk.poke(0, noise(bytes));
    const { exitCode, stderr } = await kios(file, ...named(disk, bytes));
    expect(stderr).toContain(reason);
    expect(exitCode).toBe(69);
    expect((await disk.peek(0, bytes)).equals(noise(bytes))).toBe(true);
  });

  it('refuses a mounted disk, and names the way out', async () => {
    await using disk = await LoopDevice.make(DISK);
    await run('mkfs.ext4', ['-q', disk.path]);
    const point = await mkdtemp(path.join(dir, 'mounted-'));
    await run('mount', [disk.path, point]);
    try {
      const { exitCode, stderr } = await kios(file, ...named(disk));
      expect(stderr).toContain(`${disk.path} is mounted at ${point} [KIOS_FLASH_REFUSED]`);
      expect(stderr).toContain(`umount ${disk.path}.`);
      expect(exitCode).toBe(69);
    } finally {
      await run('umount', [point]);
    }
  });

  it('takes a link to the disk, such as those in /dev/disk/by-id', async () => {
    await using disk = await usedDisk();
    const link = path.join(dir, 'usb-SanDisk_Ultra_4C530001');
    await symlink(disk.path, link);
    expect((await kios(file, link, '--yes', `--size=${DISK}`)).exitCode).toBe(0);
    expect((await kios('--verify', file, link)).stdout).toContain(`${disk.path} holds the image`);
  });

  it('refuses a disk of another size than the script means, and one that is no disk', async () => {
    await using disk = await usedDisk();
    expect((await kios(file, ...named(disk, DISK + 1))).stderr).toContain('[KIOS_FLASH_CHANGED]');
    expect((await kios(file, disk.path, '--yes', '--serial=x')).stderr).toContain(
      'is unknown, not x',
    );
    expect((await kios(file, file, '--yes', '--size=1')).stderr).toContain('it is no block device');
    expect((await kios('--verify', file, file)).stderr).toContain('it is no block device');
    expect(await hasTable(disk)).toBe(true);
  });

  it('writes nothing when nobody can be asked', async () => {
    await using disk = await usedDisk();
    const { exitCode, stderr } = await kios(file, disk.path);
    expect(stderr).toContain('there is no terminal to ask on [KIOS_CLI_USAGE]');
    expect(exitCode).toBe(64);
    expect(await hasTable(disk)).toBe(true);
  });
});

describe('names the fault of a real device, and leaves nothing that starts:', () => {
  /** In the first MiB of the first partition, which holds noise; more than a block is fed before the fault. */
  const AT = HEAD + 600_000;
  const FED = 9 * MIB;
  const rest = image.bytes.subarray(FED);

  it('a bit that flips on the medium', async () => {
    await using disk = await usedDisk();
    const child = halfFed(disk, FED);
    await written(disk, 4 * MIB);
    const byte = await disk.peek(AT, 1);
    await disk.poke(AT, Buffer.of(byte[0]! ^ 1));
    child.stdin.end(rest);
    const { exitCode, stderr } = await child;
    expect(stderr).toContain(
      `it differs from the image from byte ${AT - (AT % 4096)} on, in partition kios-esp [KIOS_FLASH_VERIFY]`,
    );
    expect(exitCode).toBe(65);
    expect(await hasTable(disk)).toBe(false);
  });

  it('writes that the medium drops silently', async () => {
    await using disk = await usedDisk();
    const before = await disk.peek(4 * MIB, MIB);
    const child = halfFed(disk, FED);
    await written(disk, 4 * MIB);
    await disk.poke(4 * MIB, before);
    child.stdin.end(rest);
    const { exitCode, stderr } = await child;
    expect(stderr).toContain(`from byte ${4 * MIB} on, in partition kios-esp [KIOS_FLASH_VERIFY]`);
    expect(exitCode).toBe(65);
    expect(await hasTable(disk)).toBe(false);
  });

  it('a device that is pulled out', async () => {
    await using disk = await usedDisk();
    const child = halfFed(disk, FED);
    await written(disk, 4 * MIB);
    await disk.shrink(0);
    child.stdin.end(rest);
    const { exitCode, stderr } = await child;
    expect(stderr).toMatch(/at byte \d+ of \/dev\/loop\d+: it is gone \[KIOS_FLASH_GONE\]/);
    expect(exitCode).toBe(71);
  });

  it('a device that gets shorter', async () => {
    await using disk = await usedDisk();
    const child = halfFed(disk, FED);
    await written(disk, 4 * MIB);
    await disk.shrink(10 * MIB);
    child.stdin.end(rest);
    const { stderr } = await child;
    expect(stderr).toContain(`it has ${10 * MIB} bytes now and had ${DISK} [KIOS_FLASH_GONE]`);
  });

  it('a medium with less room than it says', async () => {
    const point = await mkdtemp(path.join(dir, 'small-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', point]);
    try {
      await using disk = await LoopDevice.make(DISK, point);
      const { exitCode, stderr } = await kios(file, ...named(disk));
      expect(stderr).toMatch(/cannot write \d+ bytes at byte \d+ of .*\[KIOS_FLASH_(?:FULL|IO)\]/);
      expect(exitCode).toBe(71);
      expect(await hasTable(disk)).toBe(false);
    } finally {
      await run('umount', [point]);
    }
  });

  it('an image that ends too early', async () => {
    await using disk = await usedDisk();
    const child = halfFed(disk, FED);
    child.stdin.end();
    const { exitCode, stderr } = await child;
    expect(stderr).toContain(
      `it ends after ${FED} of ${image.bytes.length} bytes [KIOS_FLASH_IMAGE]`,
    );
    expect(stderr).toContain(`${disk.path} is not finished: nothing starts from it.`);
    expect(exitCode).toBe(65);
    expect(await hasTable(disk)).toBe(false);
  });
});

/** A larger image, sparse, so that reading it back takes long enough to interrupt it. */
async function largeImage(): Promise<{ name: string; bytes: number }> {
  const layout = placePartitions(image.layout.guid, [
    { ...image.layout.partitions[0]!, bytes: 400 * MIB },
  ]);
  const name = path.join(dir, 'large.img');
  const { start, end } = encodeGpt(layout);
  await writeFile(name, start);
  await truncate(name, layout.bytes);
  await using handle = await open(name, 'r+');
  await handle.write(end, 0, end.length, layout.bytes - end.length);
  return { name, bytes: layout.bytes };
}

describe('on a terminal', () => {
  it('the name of the disk has to be typed, and nothing else does', async () => {
    await using disk = await usedDisk();
    await using right = new Terminal(`flash ${file} ${disk.path}`);
    await right.shows(`Type its name, ${path.basename(disk.path)}, to go on:`);
    expect(right.text).toContain('Everything on it will be lost.');
    right.type(path.basename(disk.path));
    expect(await right.ended()).toBe(0);
    expect(right.text).toContain('holds, written and verified, the image');
    await using wrong = new Terminal(`flash ${file} ${disk.path}`);
    await wrong.shows('to go on:');
    wrong.type('yes');
    expect(await wrong.ended()).toBe(64);
    expect(wrong.text).toContain('its name was not typed [KIOS_FLASH_UNCONFIRMED]');
    expect((await kios('--verify', file, disk.path)).exitCode).toBe(0);
  });

  it('without a device it lists the disks and asks for one', async () => {
    await using disk = await usedDisk();
    await using terminal = new Terminal(`flash ${file}`);
    await terminal.shows('Type the name of the disk to write to.');
    expect(terminal.text).toMatch(/NAME +SIZE +BUS +MODEL +SERIAL +HOLDS/);
    terminal.type(path.basename(disk.path));
    expect(await terminal.ended()).toBe(0);
  });

  it('Ctrl-C at the question writes nothing', async () => {
    await using disk = await usedDisk();
    await using terminal = new Terminal(`flash ${file} ${disk.path}`);
    await terminal.shows('to go on:');
    terminal.interrupt();
    expect(await terminal.ended()).toBe(130);
    expect(await hasTable(disk)).toBe(true);
  });

  it('the end of the input at the question writes nothing', async () => {
    await using disk = await usedDisk();
    await using terminal = new Terminal(`flash ${file} ${disk.path}`);
    await terminal.shows('to go on:');
    terminal.endInput();
    expect(await terminal.ended()).toBe(64);
    expect(await hasTable(disk)).toBe(true);
  });

  it('Ctrl-C while it writes ends every process, and says what the disk is now', async () => {
    await using disk = await usedDisk();
    const fifo = path.join(dir, 'fifo');
    await run('mkfifo', [fifo]);
    await using terminal = new Terminal(`flash - ${named(disk).join(' ')} <${fifo}`);
    await using feed = await open(fifo, 'w');
    await feed.write(image.bytes.subarray(0, 9 * MIB));
    await terminal.shows('write to');
    await written(disk, 4 * MIB);
    terminal.interrupt();
    expect(await terminal.ended()).toBe(130);
    expect(terminal.text).toContain(`${disk.path} is not finished: nothing starts from it.`);
    expect(await hasTable(disk)).toBe(false);
    const { O_RDWR, O_EXCL } = constants;
    await (await open(disk.path, O_RDWR | O_EXCL)).close();
    const { exitCode, stderr } = await kios('--verify', file, disk.path);
    expect(stderr).toContain('its flash was not finished, so nothing starts from it');
    expect(exitCode).toBe(65);
  });

  it('Ctrl-C while it reads back leaves a disk that is not finished', async () => {
    const { name, bytes } = await largeImage();
    await using disk = await LoopDevice.make(bytes);
    await using terminal = new Terminal(`flash ${name} ${named(disk, bytes).join(' ')}`, 'dumb');
    await terminal.shows('read back from');
    terminal.interrupt();
    expect(await terminal.ended()).toBe(130);
    expect(await hasTable(disk, bytes)).toBe(false);
    expect((await kios('--verify', name, disk.path)).stderr).toContain('[KIOS_FLASH_UNFINISHED]');
  });

  it('a flash that is killed leaves no process and no table', async () => {
    await using disk = await usedDisk();
    const child = halfFed(disk, 9 * MIB);
    await written(disk, 4 * MIB);
    child.kill('SIGKILL');
    await child;
    const { O_RDWR, O_EXCL } = constants;
    const free = async (): Promise<boolean> =>
      open(disk.path, O_RDWR | O_EXCL).then(
        (handle) => handle.close().then(() => true),
        () => false,
      );
    await expect.poll(free, { timeout: 30_000 }).toBe(true);
    expect(await hasTable(disk)).toBe(false);
  });
});

it('--verify names the first place where a disk differs', async () => {
  await using disk = await usedDisk();
  expect((await kios(file, ...named(disk))).exitCode).toBe(0);
  const at = image.layout.partitions[1]!.offset + 8192;
  await disk.poke(at + 5, Buffer.of(7));
  const { exitCode, stderr } = await kios('--verify', file, disk.path);
  expect(stderr).toContain(`from byte ${at} on, in partition kios-data [KIOS_FLASH_VERIFY]`);
  expect(stderr).toContain('If it was configured');
  expect(exitCode).toBe(65);
});
