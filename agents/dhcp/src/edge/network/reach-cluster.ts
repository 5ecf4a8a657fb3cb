import { connect } from 'node:net';
import path from 'node:path';

import { addressesOnNode, tryAddresses } from '@kios/agent';
import { ClusterState, readStateIfThere, StateError } from '@kios/node-state';

const CONNECT_MS = 5000;

/** Where the state of other agents is. */
export interface ClusterFolders {
  readonly platform: string;
  /** Ours, with resolv.conf. */
  readonly run: string;
}

/** Opens a connection and closes it. Fails when there is none within the time. */
function probe(host: string, port: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
  const socket = connect({ host, port, signal: deadline });
  socket.once('connect', () => resolve());
  socket.once('error', reject);
  return promise.finally(() => socket.destroy());
}

/**
 * Returns whether the cluster's API server accepts a connection; undefined on a node that is in no cluster. Whether it
 * then serves this node is a matter of certificates and not of the network.
 */
export async function reachCluster(
  folders: ClusterFolders,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  let cluster: ClusterState | undefined;
  try {
    cluster = await readStateIfThere(ClusterState, path.join(folders.platform, 'cluster.json'));
  } catch (error) {
    // A damaged file names no server to judge by.
    if (!(error instanceof StateError)) throw error;
  }
  if (cluster === undefined) return undefined;
  const { hostname, port } = new URL(cluster.server);
  try {
    await tryAddresses(
      addressesOnNode(hostname, path.join(folders.run, 'resolv.conf')),
      (address) => probe(address, Number(port) || 443, signal),
      () => signal.aborted,
    );
    return true;
  } catch {
    return false;
  }
}
