import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';

import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openSource } from '../../../../src/media/image/source.ts';
import { BLOCK } from '../../../../src/media/units.ts';
import { ensurePackages } from '../../../../src/workstation/packages.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { noise } from '../../../support/media/small-image.ts';

const image = Buffer.concat([noise(100_000), Buffer.alloc(BLOCK - 100_000), noise(12_288, 'end')]);
let dir: string;

beforeAll(async () => {
  await ensurePackages(['media'], silent);
  dir = await mkdtemp(path.join(tmpdir(), 'kios-source-'));
}, 120_000);

afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, content: Uint8Array): Promise<string> {
  const at = path.join(dir, name);
  await writeFile(at, content);
  return at;
}

/** As the program zstd does by default, with a checksum. */
const zstd = (content: Uint8Array): Uint8Array =>
  zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const xz = async (content: Uint8Array): Promise<Uint8Array> =>
  (await execa('xz', ['-0', '-c'], { input: content, encoding: 'buffer' })).stdout;

async function read(
  name: string,
): Promise<{ bytes: number | undefined; sizes: number[]; all: Buffer }> {
  await using source = await openSource(name);
  const blocks: Buffer[] = [];
  for await (const block of source.blocks) blocks.push(block);
  return {
    bytes: source.bytes,
    sizes: blocks.map(({ length }) => length),
    all: Buffer.concat(blocks),
  };
}

it('reads a plain image in blocks, and knows its size', async () => {
  const { bytes, sizes, all } = await read(await file('plain.img', image));
  expect(bytes).toBe(image.length);
  expect(sizes).toEqual([BLOCK, 12_288]);
  expect(all.equals(image)).toBe(true);
});

it.each([
  ['zstd', zstd],
  ['xz', xz],
] as const)(
  'reads an image compressed by %s, whatever its name, and does not know its size',
  async (_, compress) => {
    const { bytes, sizes, all } = await read(await file('image.bin', await compress(image)));
    expect(bytes).toBeUndefined();
    expect(sizes).toEqual([BLOCK, 12_288]);
    expect(all.equals(image)).toBe(true);
  },
);

it.each([
  ['zstd', zstd],
  ['xz', xz],
] as const)('reads what %s compressed in several parts', async (_, compress) => {
  const parts = [await compress(image.subarray(0, 5000)), await compress(image.subarray(5000))];
  const { all } = await read(await file('parts', Buffer.concat(parts)));
  expect(all.equals(image)).toBe(true);
});

it.each([
  ['zstd', zstd],
  ['xz', xz],
] as const)('tells when %s data are cut short, and when a bit is wrong', async (kind, compress) => {
  const whole = Buffer.from(await compress(image));
  const cut = await file('cut', whole.subarray(0, whole.length - 100));
  await expect(read(cut)).rejects.toThrow(`its ${kind} data are damaged or cut short`);
  whole[50_000]! ^= 1;
  await expect(read(await file('bad', whole))).rejects.toMatchObject({
    code: 'KIOS_FLASH_IMAGE',
  });
});

it('reads a file of a few bytes and an empty one', async () => {
  expect((await read(await file('few', Buffer.from('abc')))).all.toString()).toBe('abc');
  expect((await read(await file('none', Buffer.alloc(0)))).sizes).toEqual([]);
});

it.each([
  ['a missing file', 'missing.img', 'there is no such file'],
  ['a folder', '.', 'it is no file'],
])('refuses %s', async (_, name, fault) => {
  await expect(openSource(path.join(dir, name))).rejects.toThrow(fault);
});

it.each(['zstd', 'xz'] as const)(
  'ends without an error when %s is left in the middle',
  async (kind) => {
    const large = Buffer.concat([noise(100_000), Buffer.alloc(4 * BLOCK)]);
    const packed = kind === 'zstd' ? zstd(large) : await xz(large);
    const source = await openSource(await file('left', packed));
    expect((await source.blocks.next()).value?.equals(large.subarray(0, BLOCK))).toBe(true);
    await source[Symbol.asyncDispose]();
  },
);
