import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { run } from '../../workstation/run.ts';

const SEED_BYTES = 1 << 20;

/** Files of a seed volume by name, such as NoCloud's meta-data and user-data. */
export type Seed = Readonly<Record<string, string>>;

/** Writes a FAT volume labelled CIDATA with the seed's files, replacing `image` in one step. */
export async function writeSeed(image: string, seed: Seed): Promise<void> {
  const dir = await mkdtemp(`${image}.`);
  try {
    const volume = path.join(dir, 'volume');
    await writeFile(volume, '');
    await truncate(volume, SEED_BYTES);
    await run('mformat', ['-i', volume, '-v', 'CIDATA', '-N', '00000000', '::']);
    for (const [name, content] of Object.entries(seed)) {
      const file = path.join(dir, name);
      await writeFile(file, content, { mode: 0o600 });
      await run('mcopy', ['-i', volume, file, `::${name}`]);
    }
    await rename(volume, image);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
