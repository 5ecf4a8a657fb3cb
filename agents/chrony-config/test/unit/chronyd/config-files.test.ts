import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { prepare } from '../../../src/edge/chronyd/config-files.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-conf-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('a folder that cannot be written to is a fault of the node, not a bug', async () => {
  await writeFile(`${dir}/out`, '');
  const layout = { dir: `${dir}/out`, socket: `${dir}/out/sock/chronyd.sock` };
  await expect(prepare(layout)).rejects.toMatchObject({ code: 'KIOS_WRITE', exitCode: 71 });
});
