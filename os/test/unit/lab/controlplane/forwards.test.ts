import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { readForwards, writeForward } from '../../../../src/lab/controlplane/forwards.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-forwards-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it('keeps the other nodes when one is added, moved or removed', async () => {
  const file = path.join(dir, 'table.json');
  await writeForward(file, '10.0.2.15', 1111);
  await writeForward(file, 'fec0::15', 2222);
  await writeForward(file, '10.0.2.15', 3333);
  expect(await readForwards(file)).toEqual({
    '10.0.2.15:10250': '127.0.0.1:3333',
    '[fec0::15]:10250': '127.0.0.1:2222',
  });
  await writeForward(file, '10.0.2.15', undefined);
  await writeForward(file, '*', 4444);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
    '[fec0::15]:10250': '127.0.0.1:2222',
    '*': '127.0.0.1:4444',
  });
});

it('is empty without a table', async () => {
  expect(await readForwards(path.join(dir, 'none.json'))).toEqual({});
});

it.each(['{"a:1": "192.0.2.1:80"}', '{"a:1": "127.0.0.1:0"}', '{"a:1": 80}', '[', '"x"'])(
  'refuses the table %s',
  async (text) => {
    const file = path.join(dir, 'bad.json');
    await writeFile(file, text);
    await expect(readForwards(file)).rejects.toBeInstanceOf(Error);
  },
);
