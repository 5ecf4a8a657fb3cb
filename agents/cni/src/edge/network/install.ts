import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, tempName, writeAtomic } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import type { PodsConfig } from '@kios/network-config';

import { CONFLIST, formatConflist } from '../../core/network/conflist.ts';
import { formatLan, LAN_CONFLIST } from '../../core/network/lan.ts';
import type { PodNetwork } from '../../core/network/pod-network.ts';

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

/** The plugins that init is, by its name: pods on the host's segment, and ports of the host for pods. */
const OF_INIT = { names: ['kios-lan', 'portmap'], program: '/bin/init' } as const;

/**
 * Makes init these plugins, in the place of whatever has their names: they are there always, for attachments beside any
 * network and for the networks of clusters, which expect `portmap`.
 */
export async function installOwnPlugins({ bin }: Folders): Promise<void> {
  for (const name of OF_INIT.names) {
    const file = path.join(bin, name);
    const present = await readlink(file).catch(() => undefined);
    if (present !== OF_INIT.program) await replaceByLink(file, OF_INIT.program);
  }
}

/**
 * Gives the runtime the network, with which the node turns Ready and pods start. The runtime's folder outlasts a boot,
 * but holds only links into RAM: after a boot no pod starts in this network before its rules are set again.
 */
export async function installNetwork(
  folders: Folders,
  network: PodNetwork,
  pods: PodsConfig | undefined,
  log: Logger,
): Promise<void> {
  await removeStaleTemps(folders.net);
  await mkdir(folders.boot, { recursive: true });
  // The runtime reads the folder after each change, and none of it while one link leads nowhere.
  if (pods === undefined) await rm(path.join(folders.net, LAN_CONFLIST), { force: true });
  else await placeNetwork(folders, LAN_CONFLIST, formatLan(pods), log);
  await placeNetwork(folders, CONFLIST, formatConflist(network), log);
}

async function placeNetwork(
  { boot, net }: Folders,
  name: string,
  content: string,
  log: Logger,
): Promise<void> {
  const file = path.join(boot, name);
  const changed = await writeAtomic(file, content);
  await replaceByLink(path.join(net, name), file); // also wakes the runtime, which watches this folder
  log.info({ ev: 'network', file: name, changed });
}

async function replaceByLink(file: string, target: string): Promise<void> {
  const link = tempName(file);
  await symlink(target, link);
  await rename(link, file);
}
