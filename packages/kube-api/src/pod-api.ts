import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { ClusterState, readStateIfThere } from '@kios/node-state';

import { type ApiAnswer, type ApiRequest, type ApiServer, openApiServer } from './api-server.ts';

/** Where a pod finds the API server and who it is. */
export interface PodAccess {
  /** `https://host:port`; undefined: where kubelet finds it. */
  readonly server: string | undefined;
  /** Folder with the token of the pod and the certificates to trust. */
  readonly account: string;
  /** Folder with what is known of the cluster, `/run/kios/platform`. */
  readonly platform: string;
  readonly resolvConf: string;
}

/** What a call needs besides the identity of the pod. */
export type PodRequest = Omit<ApiRequest, 'ca' | 'token' | 'client'>;

/** `setup`: the pod lacks what its manifest gives it. `untrusted`: who replies is not the server. */
export type PodFault = 'api' | 'setup' | 'untrusted';

export type MakeFault = (fault: PodFault, message: string, options?: ErrorOptions) => Error;

/** The address that the cluster gives to pods; it works only where something serves Services. */
function ofService({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env) {
  if (host === undefined || port === undefined) return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The API server as the service account of a pod on the node's network calls it. */
export class PodApi {
  readonly #access: PodAccess;
  readonly #signal: AbortSignal;
  readonly #failed: MakeFault;
  #api: { readonly endpoint: string; readonly server: ApiServer } | undefined;

  constructor(access: PodAccess, signal: AbortSignal, failed: MakeFault) {
    this.#access = access;
    this.#signal = signal;
    this.#failed = failed;
  }

  /** Sends a request with the account as it is now: kubelet replaces the token before it expires. */
  async send(asked: PodRequest): Promise<ApiAnswer> {
    const token = (await this.#readAccount('token')).trim();
    const ca = [await this.#readAccount('ca.crt')];
    return (await this.#server()).get({ ...asked, token, ca });
  }

  async #readAccount(name: string): Promise<string> {
    const file = path.join(this.#access.account, name);
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      throw this.#failed('setup', `read ${file}`, { cause });
    }
  }

  /** The node may move to another API server while the pod runs. */
  async #server(): Promise<ApiServer> {
    const endpoint = await this.#endpoint();
    if (this.#api?.endpoint !== endpoint) {
      const server = openApiServer({
        endpoint,
        resolvConf: this.#access.resolvConf,
        signal: this.#signal,
        failed: (fault, message) =>
          this.#failed(fault === 'untrusted' ? 'untrusted' : 'api', message),
      });
      this.#api = { endpoint, server };
    }
    return this.#api.server;
  }

  /** Returns the API server: the one that is named, else kubelet's, which needs no Services, else the Service. */
  async #endpoint(): Promise<string> {
    const { server, platform } = this.#access;
    if (server !== undefined) return server;
    const file = path.join(platform, 'cluster.json');
    const cluster = await readStateIfThere(ClusterState, file).catch(() => undefined);
    const endpoint = cluster?.server ?? ofService();
    if (endpoint !== undefined) return endpoint;
    throw this.#failed('setup', 'find the API server: nothing names it');
  }
}
