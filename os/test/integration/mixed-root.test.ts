import { hash } from 'node:crypto';
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type Entry, Tree } from '../../src/build/formats/tree.ts';
import { makeErofs } from '../../src/build/image/erofs.ts';
import { PAGE, type Run, type TouchedFile } from '../../src/build/image/profile.ts';
import { openToolroot, type Toolroot } from '../../src/build/sources/debian/toolroot.ts';
import { sha256 } from '../../src/workstation/digest.ts';
import { silent } from '../../src/workstation/progress.ts';

const ORIGIN = { name: 'test', version: '1', kind: 'kios' } as const;
const TIME = 1_800_000_000;

/** Returns bytes of which every third KiB does not get smaller, and the others do in different ways. */
function content(size: number, seed: string): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0, part = 0; at < size; at += 1024, part += 1) {
    const block = hash('sha512', `${seed} ${part}`, 'buffer');
    const noise = Buffer.concat(
      Array.from({ length: 16 }, (_, index) =>
        hash('sha512', `${seed} ${part} ${index}`, 'buffer'),
      ),
    );
    const filling = [noise, block, Buffer.from(`line ${part} `)][part % 3]!;
    bytes.fill(filling, at, Math.min(at + 1024, size));
  }
  return bytes;
}

const noise = (pages: number): Buffer =>
  Buffer.concat(
    Array.from({ length: pages * 64 }, (_, index) => hash('sha512', `noise ${index}`, 'buffer')),
  );

/** Files larger than the limit from which a file has parts, and what a boot touches of them. */
const FILES: readonly {
  readonly path: string;
  readonly bytes: Buffer;
  readonly all: readonly Run[];
}[] = [
  {
    path: '/bin/ends-within-a-page',
    bytes: content(3 * 2 ** 20 + 123, 'one'),
    all: [
      { first: 2, count: 5 },
      { first: 40, count: 1 },
      { first: 60, count: 300 },
      { first: 768, count: 1 },
    ],
  },
  {
    path: '/bin/ends-with-a-page',
    bytes: content(2 * 2 ** 20, 'two'),
    all: [{ first: 0, count: 100 }],
  },
  {
    path: '/bin/noise',
    bytes: noise(300),
    all: [
      { first: 10, count: 33 },
      { first: 299, count: 1 },
    ],
  },
  { path: '/bin/zeros', bytes: Buffer.alloc(400 * PAGE + 1), all: [{ first: 100, count: 200 }] },
  {
    path: '/bin/touched',
    bytes: content(2 ** 20 + 5000, 'three'),
    all: [{ first: 0, count: 258 }],
  },
  { path: '/bin/untouched', bytes: content(2 ** 20 + 1, 'four'), all: [] },
];

function treeOf(): Tree {
  const tree = new Tree();
  for (const { path: where, bytes } of FILES) tree.file(where, 0o755, { bytes }, ORIGIN);
  tree.file('/lib/second-name', 0o755, { bytes: FILES[0]!.bytes }, ORIGIN);
  tree.file('/lib/other-mode', 0o644, { bytes: FILES[0]!.bytes }, ORIGIN);
  tree.text('/etc/small', 'small\n', ORIGIN);
  tree.text('/etc/empty', '', ORIGIN);
  tree.symlink('/bin/link', 'noise');
  tree.directory('/var/empty', 0o700);
  // A folder that takes several blocks.
  for (let file = 0; file < 500; file += 1)
    tree.text(`/many/${'name '.repeat(8)}${file}`, 'x', ORIGIN);
  return tree;
}

const touched: readonly TouchedFile[] = FILES.map(({ path: where, bytes, all }) => ({
  path: where,
  sha256: hash('sha256', bytes),
  first: [],
  all,
}));

let dir = '';
let tools: Toolroot;
let root = '';

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-mixed-'));
  tools = await openToolroot(silent);
  root = await makeErofs({
    tree: treeOf(),
    time: TIME,
    tools,
    progress: silent,
    name: 'root.erofs',
    touched,
  });
}, 600_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Describes a file: its bytes by their digest, or where it leads. */
async function describeFile(file: string): Promise<string> {
  const status = await lstat(file);
  if (status.isSymbolicLink()) return `-> ${await readlink(file)}`;
  if (status.isDirectory()) return `folder ${status.mode & 0o777}`;
  return `${status.mode & 0o777} ${status.mtimeMs / 1000} ${sha256(await readFile(file))}`;
}

function describeEntry(entry: Entry): string {
  if (entry.type === 'symlink') return `-> ${entry.target}`;
  if (entry.type === 'directory') return `folder ${entry.mode}`;
  const bytes = 'bytes' in entry.content ? entry.content.bytes : Buffer.alloc(0);
  return `${entry.mode} ${TIME} ${sha256(bytes)}`;
}

it('has every file as it was, by erofs-utils', { timeout: 120_000 }, async () => {
  const into = path.join(dir, 'extracted');
  await tools.run('usr/bin/fsck.erofs', [`--extract=${into}`, '--preserve-perms', root]);
  const names = (await readdir(into, { recursive: true })).toSorted();
  const found = names.map(async (name) => [`/${name}`, await describeFile(path.join(into, name))]);
  const wanted = treeOf()
    .sorted()
    .map(([where, entry]) => [where, describeEntry(entry)]);
  expect(Object.fromEntries(await Promise.all(found))).toEqual(Object.fromEntries(wanted));
});

const dump = async (file: string, ...options: readonly string[]): Promise<string> =>
  tools.run('usr/bin/dump.erofs', [...options, `--path=${file}`, root]);

it('has two names for one file', async () => {
  const nid = /NID: (\d+)/;
  const [one, two] = [await dump('/bin/ends-within-a-page'), await dump('/lib/second-name')];
  expect(nid.exec(one)?.[1]).toBe(nid.exec(two)?.[1]);
  expect(one).toMatch(/Links: 2/);
});

it('keeps what a boot touches in small clusters and the rest in large ones', async () => {
  const extents = await dump('/bin/ends-within-a-page', '-e');
  const lengths = [...extents.matchAll(/^ *\d+: +(\d+)\.\. +(\d+) \| +(\d+) :/gm)].map(
    ([, start, , length]) => ({ start: Number(start), length: Number(length) }),
  );
  const longest = (from: number, to: number): number =>
    Math.max(
      ...lengths
        .filter(({ start }) => start >= from * PAGE && start < to * PAGE)
        .map(({ length }) => length),
    );
  expect(longest(60, 360)).toBeGreaterThan(0);
  expect(longest(360, 768)).toBeGreaterThan(2 * longest(60, 360));
});
