import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, writeAtomic } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { CONFLIST, formatConflist } from '../../core/network/conflist.ts';

export interface Folders {
  /** Plugins of the image. */
  readonly source: string;
  /** The host's plugins. */
  readonly bin: string;
  /** The host's network descriptions. */
  readonly net: string;
}

async function listPlugins(source: string): Promise<readonly string[]> {
  const names = await readdir(source).catch((cause: unknown) => {
    throw new KiosError('KIOS_CNI_PLUGINS', `list ${source}`, { cause, exitCode: EXIT.data });
  });
  if (names.length === 0)
    throw new KiosError('KIOS_CNI_PLUGINS', `list ${source}: no plugin`, { exitCode: EXIT.data });
  return names.toSorted();
}

/** Copies what differs, each file whole or not at all: the runtime may start a plugin at any moment. */
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
  // Last: with this file the node turns Ready, and pods are started with the plugins it names.
  const changed = await writeAtomic(path.join(folders.net, CONFLIST), formatConflist());
  log.info({ ev: 'network', file: CONFLIST, changed });
}
