import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { cpio, readCpio } from '../../../../src/build/formats/cpio.ts';
import { type StoredFile, Tree } from '../../../../src/build/formats/tree.ts';
import { anyFiles, origin, treeOf } from '../../../support/trees.ts';

interface Read {
  readonly inode: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly time: number;
  readonly device: readonly [major: number, minor: number];
  readonly content: Buffer;
}

const padded = (length: number): number => length + ((4 - (length % 4)) % 4);

/**
 * Reader of the "newc" format as the kernel's init/initramfs.c reads it: fields of eight digits, name and content
 * padded to 4.
 */
function read(archive: Buffer): Map<string, Read> {
  const found = new Map<string, Read>();
  for (let at = 0; ;) {
    const head = archive.toString('latin1', at, at + 110);
    if (!/^070701[0-9a-f]{104}$/.test(head)) throw new Error(`bad header at ${at}`);
    const field = (index: number): number =>
      parseInt(head.slice(6 + index * 8, 14 + index * 8), 16);
    const nameLength = field(11);
    const name = archive.toString('utf8', at + 110, at + 110 + nameLength - 1);
    if (archive[at + 110 + nameLength - 1] !== 0) throw new Error(`${name} does not end in zero`);
    const start = at + padded(110 + nameLength);
    if (name === 'TRAILER!!!') {
      if (start !== archive.length) throw new Error('bytes behind the trailer');
      return found;
    }
    found.set(name, {
      inode: field(0),
      mode: field(1),
      uid: field(2),
      gid: field(3),
      links: field(4),
      time: field(5),
      device: [field(9), field(10)],
      content: archive.subarray(start, start + field(6)),
    });
    at = start + padded(field(6));
  }
}

const example = (): Tree =>
  new Tree()
    .directory('/dev')
    .directory('/tmp', 0o1777)
    .file('/init', 0o755, { bytes: Buffer.from('\u007FELF') }, origin)
    .symlink('/bin/mount', 'init')
    .text('/odd', 'abcde', origin);

it('holds each entry with its kind, mode and content', async () => {
  const entries = [...read(await cpio(example()))].map(([name, { mode, content }]) => [
    name,
    mode.toString(8),
    content.toString(),
  ]);
  expect(entries).toEqual([
    ['bin', '40755', ''],
    ['bin/mount', '120777', 'init'],
    ['dev', '40755', ''],
    ['init', '100755', '\u007FELF'],
    ['odd', '100644', 'abcde'],
    ['tmp', '41777', ''],
  ]);
});

it('makes a device from its numbers, as a file of no user in particular', async () => {
  const devices = [{ name: '/dev/null', major: 1, minor: 3 }];
  const found = read(await cpio(example(), devices));
  const { mode, device, content } = found.get('dev/null')!;
  expect([mode.toString(8), device, content.length]).toEqual(['20666', [1, 3], 0]);
  expect([...found.keys()].indexOf('dev')).toBeLessThan([...found.keys()].indexOf('dev/null'));
  expect(found.get('init')!.device).toEqual([0, 0]);
});

it('gives every entry to root, with time zero and an inode of its own', async () => {
  const entries = [...read(await cpio(example())).values()];
  for (const { uid, gid, links, time } of entries)
    expect([uid, gid, links, time]).toEqual([0, 0, 1, 0]);
  expect(new Set(entries.map(({ inode }) => inode)).size).toBe(entries.length);
});

it('holds every file of any tree and has a size that is a multiple of 4', async () => {
  await fc.assert(
    fc.asyncProperty(anyFiles, async (files) => {
      const archive = await cpio(treeOf(files));
      expect(archive.length % 4).toBe(0);
      const entries = read(archive);
      for (const [where, { bytes }] of Object.entries(files))
        expect(entries.get(where.slice(1))!.content).toEqual(Buffer.from(bytes));
    }),
  );
});

it('counts the bytes of a name that is not ASCII', async () => {
  const entries = read(await cpio(new Tree().text('/grün/ß', 'x', origin)));
  expect([...entries.keys()]).toEqual(['grün', 'grün/ß']);
});

it('is the same for equal trees', async () => {
  expect(await cpio(example())).toEqual(await cpio(example()));
});

const inChunks = (size: number): StoredFile => ({
  file: '/x',
  size: async () => size,
  sha256: async () => '',
  chunks: async function* () {
    yield* ['ab', '', 'cde'].map((text) => Buffer.from(text));
  },
});

it('joins the chunks of a file', async () => {
  const archive = await cpio(new Tree().file('/odd', 0o644, inChunks(5), origin));
  expect(archive).toEqual(await cpio(new Tree().text('/odd', 'abcde', origin)));
});

it('rejects content whose size differs from its header', async () => {
  const tree = new Tree().file('/odd', 0o644, inChunks(6), origin);
  await expect(cpio(tree)).rejects.toMatchObject({ code: 'KIOS_TREE' });
});

it('reads back what it wrote, also with bytes behind the last record', async () => {
  await fc.assert(
    fc.asyncProperty(anyFiles, async (files) => {
      const archive = await cpio(treeOf(files));
      const records = readCpio(Buffer.concat([archive, Buffer.from('rest')]));
      const found = new Map(records.map(({ name, content }) => [`/${name}`, content]));
      for (const [where, { bytes }] of Object.entries(files))
        expect(found.get(where)).toEqual(Buffer.from(bytes));
    }),
  );
});

it('tells an archive that is cut short at any byte', async () => {
  const archive = await cpio(example());
  // The padding behind the last name carries nothing.
  const cuts = fc.integer({ min: 0, max: archive.length - 5 });
  fc.assert(
    fc.property(cuts, (bytes) => {
      expect(() => readCpio(archive.subarray(0, bytes))).toThrow(/initramfs|cut short/);
    }),
  );
});
