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

/** The node itself, as kubelet is known to the API server; undefined when only kubelet can prove it (a program does it for it). */
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

/** Loads the library with the first question: an agent on a node that has joined starts, and stays a while, without any. */
export async function openKube(api: ApiServer, access: Access): Promise<KubeClient> {
  const { KubeClient } = await import('./kube-client.ts');
  return new KubeClient(api, access);
}
