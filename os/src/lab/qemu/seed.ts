import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { run } from '../../workstation/run.ts';

const SEED_BYTES = 1 << 20;

/** Returns the folders in a path, the outermost first. */
const foldersOf = (name: string): string[] => {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};

/** Files of a seed volume by name, such as NoCloud's meta-data and user-data. */
export type Seed = Readonly<Record<string, string>>;

/** Labels of NoCloud's volumes and of OpenStack's config drives. */
export type SeedLabel = 'CIDATA' | 'CONFIG-2';

/** Writes a FAT volume with the seed's files, whose names may have folders, replacing `image` in one step. */
export async function writeSeed(
  image: string,
  seed: Seed,
  label: SeedLabel = 'CIDATA',
): Promise<void> {
  const dir = await mkdtemp(`${image}.`);
  try {
    const volume = path.join(dir, 'volume');
    await writeFile(volume, '');
    await truncate(volume, SEED_BYTES);
    await run('mformat', ['-i', volume, '-v', label, '-N', '00000000', '::']);
    for (const folder of new Set(Object.keys(seed).flatMap(foldersOf)))
      await run('mmd', ['-i', volume, `::${folder}`]);
    for (const [name, content] of Object.entries(seed)) {
      const file = path.join(dir, 'content');
      await writeFile(file, content, { mode: 0o600 });
      await run('mcopy', ['-i', volume, file, `::${name}`]);
    }
    await rename(volume, image);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
