import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, writeAtomic } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { CONFLIST, formatConflist } from '../../core/network/conflist.ts';

export interface Folders {
  /** Plugins in the image. */
  readonly source: string;
  /** Plugins on the host. */
  readonly bin: string;
  /** Network configurations on the host. */
  readonly net: string;
}

/** Lists the plugins in the image. Fails when there is none. */
export async function listPlugins(source: string): Promise<readonly string[]> {
  const names = await readdir(source).catch((cause: unknown) => {
    throw new KiosError('KIOS_CNI_PLUGINS', `list ${source}`, { cause, exitCode: EXIT.data });
  });
  if (names.length === 0)
    throw new KiosError('KIOS_CNI_PLUGINS', `list ${source}: it has no plugin`, {
      exitCode: EXIT.data,
    });
  return names.toSorted();
}

/** Copies the files that differ. Each is replaced atomically, because the runtime may start a plugin at any moment. */
export async function installNetwork(folders: Folders, log: Logger): Promise<void> {
  const names = await listPlugins(folders.source);
  await removeStaleTemps(folders.bin);
  await removeStaleTemps(folders.net);
  let copied = 0;
  for (const name of names) {
    const bytes = await readFile(path.join(folders.source, name));
    if (await writeAtomic(path.join(folders.bin, name), bytes, 0o755)) copied++;
  }
  log.info({ ev: 'plugins', copied, same: names.length - copied });
  // Last, because with this file the node turns Ready, and pods start with the plugins it names.
  const changed = await writeAtomic(path.join(folders.net, CONFLIST), formatConflist());
  log.info({ ev: 'network', file: CONFLIST, changed });
}
