import { mkdir, readdir, readFile, rename, symlink } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, tempName, writeAtomic } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { CONFLIST, formatConflist } from '../../core/network/conflist.ts';

export interface Folders {
  /** Plugins in the image. */
  readonly source: string;
  /** Plugins on the host. */
  readonly bin: string;
  /** Network configurations on the host. */
  readonly net: string;
  /** The host's folder in RAM for the network that this boot has. */
  readonly boot: string;
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

/** Copies the plugins that differ. Each is replaced atomically: the runtime may start a plugin at any moment. */
export async function installPlugins(folders: Folders, log: Logger): Promise<void> {
  const names = await listPlugins(folders.source);
  await removeStaleTemps(folders.bin);
  let copied = 0;
  for (const name of names) {
    const bytes = await readFile(path.join(folders.source, name));
    if (await writeAtomic(path.join(folders.bin, name), bytes, 0o755)) copied++;
  }
  log.info({ ev: 'plugins', copied, same: names.length - copied });
}

/**
 * Gives the runtime the network, with which the node turns Ready and pods start. The runtime's folder outlasts a boot,
 * but holds only a link into RAM: after a boot no pod starts in this network before its rules are set again.
 */
export async function installNetwork({ boot, net }: Folders, log: Logger): Promise<void> {
  await removeStaleTemps(net);
  await mkdir(boot, { recursive: true });
  const file = path.join(boot, CONFLIST);
  const changed = await writeAtomic(file, formatConflist());
  const link = tempName(path.join(net, CONFLIST));
  await symlink(file, link);
  await rename(link, path.join(net, CONFLIST)); // also wakes the runtime, which watches this folder
  log.info({ ev: 'network', file: CONFLIST, changed });
}
