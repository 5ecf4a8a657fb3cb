import path from 'node:path';

import { readIfThere } from '@kios/agent';

import { clientCertificateOf, tokenOf } from '../../core/cluster/kubeconfig.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { CURRENT_PEM } from '../node/node.ts';
import type { ApiServer, ClientPair } from './api-server.ts';
import type { Access, Caller, KubeClient } from './kube-client.ts';

async function readPair(settings: Settings, kubeletConf: string): Promise<ClientPair | undefined> {
  const where = clientCertificateOf(kubeletConf);
  if (where === undefined) return undefined;
  const name = 'path' in where ? path.basename(where.path) : CURRENT_PEM;
  // kubelet keeps certificate and key in one file.
  const pem = await readIfThere(path.join(settings.kubeletPki, name));
  if (pem !== undefined) return { cert: pem, key: pem };
  return 'pem' in where && where.key !== undefined
    ? { cert: where.pem, key: where.key }
    : undefined;
}

/** Reads kubelet's own credentials; undefined when kubelet has none on disk because a program authenticates it. */
export async function readNodeCaller(
  settings: Settings,
  kubeletConf: string | undefined,
): Promise<Caller | undefined> {
  if (kubeletConf === undefined) return undefined;
  const client = await readPair(settings, kubeletConf);
  if (client !== undefined) return { client };
  const token = tokenOf(kubeletConf);
  return token === undefined ? undefined : { token };
}

/** Opens a client. The library is loaded only here, because an agent on a joined node does not need it at its start. */
export async function openKube(api: ApiServer, access: Access): Promise<KubeClient> {
  const { KubeClient } = await import('./kube-client.ts');
  return new KubeClient(api, access);
}
