import path from 'node:path';

import { ClusterState, readStateIfThere } from '@kios/node-state';

import { LifecycleError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** The address that the cluster gives to pods; it works only where something serves Services. */
function ofService({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env) {
  if (host === undefined || port === undefined) return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Returns the API server: the one that is named, else kubelet's, which needs no Services, else the Service. */
export async function readEndpoint({ server, platform }: Settings): Promise<string> {
  if (server !== undefined) return server;
  const file = path.join(platform, 'cluster.json');
  const cluster = await readStateIfThere(ClusterState, file).catch(() => undefined);
  const endpoint = cluster?.server ?? ofService();
  if (endpoint !== undefined) return endpoint;
  throw new LifecycleError('KIOS_LIFECYCLE_SETUP', 'find the API server: nothing names it');
}
