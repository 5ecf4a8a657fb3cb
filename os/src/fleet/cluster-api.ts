import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request, type RequestOptions } from 'node:https';

import { EXIT, KiosError } from '@kios/errors';
import type { KubeConfig } from '@kubernetes/client-node';

const ANSWER_MS = 30_000;
/** A Node is tens of kilobytes. */
const MAX_BODY = 4 * 1024 * 1024;

export interface Reply {
  readonly status: number;
  readonly body: string;
}

const kubeconfigError = (message: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_TURN_KUBECONFIG', message, {
    ...(cause === undefined ? {} : { cause }),
    exitCode: EXIT.config,
    remedy: 'Name a kubeconfig whose current context is the cluster of the nodes.',
  });

const unreachable = (server: string, cause: unknown): KiosError =>
  new KiosError('KIOS_TURN_API', `reach ${server}`, {
    cause,
    exitCode: EXIT.unavailable,
    remedy: 'Check the address in the kubeconfig, and that this workstation reaches it.',
  });

async function openConfig(file: string): Promise<KubeConfig> {
  // The library loads slowly, and no other command needs it.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (cause) {
    throw kubeconfigError(`read the kubeconfig ${file}`, cause);
  }
  return config;
}

/** A user's cluster, by any kubeconfig that kubectl takes: certificates, tokens, programs that log in, proxies. */
export class ClusterApi {
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #signal: AbortSignal;

  private constructor(config: KubeConfig, server: string, signal: AbortSignal) {
    this.#config = config;
    this.#server = server;
    this.#signal = signal;
  }

  static async open(file: string, signal: AbortSignal): Promise<ClusterApi> {
    const config = await openConfig(file);
    const cluster = config.getCurrentCluster();
    if (cluster === null)
      throw kubeconfigError(`use the kubeconfig ${file}: its current context names no cluster`);
    return new ClusterApi(config, cluster.server.replace(/\/+$/, ''), signal);
  }

  /** Sends a GET, or a merge patch (RFC 7396). Every status is an answer. */
  async send(path: string, mergePatch?: string): Promise<Reply> {
    const type = { 'content-type': 'application/merge-patch+json' };
    const options: RequestOptions = {
      method: mergePatch === undefined ? 'GET' : 'PATCH',
      headers: { accept: 'application/json', ...(mergePatch === undefined ? {} : type) },
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_MS)]),
    };
    try {
      await this.#config.applyToHTTPSOptions(options);
      return await this.#exchange(new URL(`${this.#server}${path}`), options, mergePatch);
    } catch (cause) {
      this.#signal.throwIfAborted();
      throw unreachable(this.#server, cause);
    }
  }

  async #exchange(url: URL, options: RequestOptions, body?: string): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const onResponse = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BODY) call.destroy(new Error(`the answer has more than ${MAX_BODY} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    };
    const call =
      url.protocol === 'http:'
        ? requestPlain(url, options, onResponse)
        : request(url, options, onResponse);
    call.on('error', reject);
    call.end(body);
    return promise;
  }
}
