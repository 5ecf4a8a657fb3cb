import path from 'node:path';

import { clientCertificateOf, tokenOf } from '../core/kubeconfig.ts';
import type { ApiAnswer, ApiServer, ClientPair } from './api-server.ts';
import { CURRENT_PEM } from './node.ts';
import type { Settings } from './settings.ts';
import { readIfThere } from './transaction.ts';

/** Who a request comes from. */
export interface Caller {
  readonly client?: ClientPair;
  readonly token?: string;
}

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

/** The API server of the cluster this node is in, called by somebody. */
export class Kube {
  readonly #api: ApiServer;
  readonly #ca: readonly string[];
  readonly #caller: Caller;

  constructor(api: ApiServer, ca: readonly string[], caller: Caller) {
    this.#api = api;
    this.#ca = ca;
    this.#caller = caller;
  }

  async get(where: string): Promise<ApiAnswer> {
    return this.#api.get({ path: where, ca: this.#ca, ...this.#caller });
  }

  async post(where: string, body: unknown): Promise<ApiAnswer> {
    const json = JSON.stringify(body);
    return this.#api.get({ path: where, ca: this.#ca, ...this.#caller, body: json });
  }
}
