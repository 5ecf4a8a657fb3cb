import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { ensureSpace } from '../../../src/workstation/space.ts';

const notYetThere = path.join(tmpdir(), 'kios-not', 'yet', 'there');

it('a folder with enough space passes, even before it exists', async () => {
  await expect(ensureSpace([[notYetThere, 1]])).resolves.toBeUndefined();
});

it('a folder without it fails, with the free and the needed space', async () => {
  const started = ensureSpace([
    [tmpdir(), 1],
    [notYetThere, 2 ** 60],
  ]);
  await expect(started).rejects.toThrow(/kios-not\/yet\/there: \d+ MiB are free, \d+ are needed$/);
  await expect(started).rejects.toMatchObject({ code: 'KIOS_DISK_FULL' });
});
