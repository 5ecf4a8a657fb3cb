import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { PageIndex } from '../../../../src/bench/profile/resident.ts';
import { PAGE } from '../../../../src/build/image/profile.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-resident-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const page = (): Buffer => randomBytes(PAGE);
const zeros = Buffer.alloc(PAGE);

async function find(memory: readonly Buffer[], files: Readonly<Record<string, Buffer>>) {
  const file = path.join(dir, 'memory.bin');
  await writeFile(file, Buffer.concat([...memory]));
  const sought = Object.entries(files).map(([sha256, bytes]) => ({ sha256, content: { bytes } }));
  return Object.fromEntries(await (await PageIndex.of(sought)).residentIn(file));
}

it('finds pages wherever they lie in memory, and says them in order', async () => {
  const [one, two, three] = [page(), page(), page()];
  expect(await find([page(), three, zeros, one], { a: Buffer.concat([one, two, three]) })).toEqual({
    a: [0, 2],
  });
});

it('knows the last page of a file by the zeros behind its end', async () => {
  const end = page().subarray(0, 100);
  const last = Buffer.concat([end, zeros.subarray(100)]);
  expect(await find([last], { a: Buffer.concat([page(), end]) })).toEqual({ a: [1] });
});

it('counts a page for each file that has it, and one of zeros for none', async () => {
  const shared = page();
  const files = { a: Buffer.concat([zeros, shared]), b: shared };
  expect(await find([zeros, shared], files)).toEqual({ a: [1], b: [0] });
});

it('finds nothing that is not at the start of a page of memory', async () => {
  const one = page();
  const moved = Buffer.concat([Buffer.alloc(512), one, Buffer.alloc(PAGE - 512)]);
  expect(await find([moved], { a: one })).toEqual({});
});
