import path from 'node:path';

import type { NodeBootstrap } from '../core/document/schema.ts';
import { NETWORK_FILE, networkFile } from '../core/files/network-file.ts';
import type { OutputFile } from '../core/files/output-file.ts';
import type { Settings } from '../core/settings/settings.ts';
import { readOwnText } from '../edge/files/own-file.ts';
import { changedFiles, placeFiles, removeStaged } from '../edge/files/transaction.ts';
import type { JoinContext } from './context.ts';

type Network = Pick<NodeBootstrap, 'network'>;

/** Returns the network file that the node is to have, or the one of an earlier document to remove. */
export const planNetwork = async (
  { etc }: Settings,
  document: Network,
): Promise<readonly OutputFile[]> =>
  networkFile(document, await readOwnText(path.join(etc, NETWORK_FILE)));

/**
 * Gives the DHCP agent the document's network. It comes before the other files and before anything is asked of the
 * network, which may not exist without it. The DHCP agent takes back what cuts the node off, so no rollback covers it.
 */
export async function writeNetwork(
  { settings, log }: Pick<JoinContext, 'settings' | 'log'>,
  document: Network,
): Promise<void> {
  const files = await planNetwork(settings, document);
  await removeStaged(settings.etc, files);
  for (const file of await changedFiles(settings.etc, files)) {
    await placeFiles(settings.etc, [file]);
    const removed = file.content === undefined;
    log.info({ ev: 'file.written', path: path.join('/etc', file.path), removed, console: true });
  }
}
