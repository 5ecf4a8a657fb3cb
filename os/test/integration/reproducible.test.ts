import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { run } from '../../src/workstation/run.ts';

const Digests = v.record(v.string(), v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)));
const PROGRAM = path.join(import.meta.dirname, '../support/reproducible-parts.ts');

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-reproducible-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function build(umask: string, folder: string, env: Record<string, string>) {
  const shell = ['-c', `umask ${umask}; exec "$@"`, 'sh'];
  const output = await run('sh', [...shell, process.execPath, PROGRAM, path.join(dir, folder)], {
    env,
  });
  return v.parse(Digests, JSON.parse(output));
}

it('the build makes the same bytes in another folder, time zone, language, umask and second', async () => {
  const first = await build('022', 'one', { TZ: 'UTC', LC_ALL: 'C' });
  const second = await build('077', 'a longer name', {
    TZ: 'Asia/Kathmandu',
    LC_ALL: 'de_DE.UTF-8',
    REVERSED: '1',
    SOURCE_DATE_EPOCH: '1',
  });
  expect(Object.keys(first)).toEqual(['index', 'root', 'efi', 'disk', 'sbom']);
  expect(second).toEqual(first);
}, 120_000);
