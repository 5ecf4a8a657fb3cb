import { request as requestPlain } from 'node:http';
import { request, type RequestOptions } from 'node:https';

import { EXIT, KiosError } from '@kios/errors';
import type { KubeConfig } from '@kubernetes/client-node';

/** A GET, or a PATCH of an object. */
export interface Question {
  readonly path: string;
  /** Bytes of the answer that are kept. */
  readonly maxBytes: number;
  /** Keeps the end of a longer answer in place of its beginning. */
  readonly tail?: boolean;
  /** Form of the answer; default: the whole object as JSON. */
  readonly accept?: string;
  /** RFC 7396. */
  readonly mergePatch?: string;
  /** Kubernetes' strategic merge patch, in which lists are merged by the names of their items. */
  readonly patch?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The clock of the server that replied, to the second; a proxy hands on that of the server behind it. */
  readonly date: number | undefined;
  /** Whether the answer was longer. */
  readonly isCut: boolean;
}

/** Replies to questions; a status that refuses is an answer too. */
export interface Cluster {
  ask(question: Question): Promise<Answer>;
}

const kubeconfigError = (message: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_FLEET_KUBECONFIG', message, {
    ...(cause === undefined ? {} : { cause }),
    exitCode: EXIT.config,
    remedy: 'Name a kubeconfig that kubectl takes, whose context is the cluster of the nodes.',
  });

async function openConfig(file: string, context: string | undefined): Promise<KubeConfig> {
  // The library loads slowly, and no other command needs it.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (cause) {
    throw kubeconfigError(`read the kubeconfig ${file}`, cause);
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

/** Keeps the beginning or the end of what arrives. */
class Kept {
  readonly #chunks: Buffer[] = [];
  readonly #max: number;
  readonly #tail: boolean;
  #size = 0;
  isCut = false;

  constructor({ maxBytes, tail = false }: Question) {
    this.#max = maxBytes;
    this.#tail = tail;
  }

  /** Returns whether more is wanted. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size <= this.#max) return true;
    this.isCut = true;
    while (this.#tail && this.#size - (this.#chunks[0]?.length ?? 0) >= this.#max)
      this.#size -= this.#chunks.shift()?.length ?? 0;
    return this.#tail;
  }

  text(): string {
    const all = Buffer.concat(this.#chunks);
    const part = this.#tail ? all.subarray(-this.#max) : all.subarray(0, this.#max);
    const text = part.toString();
    // What is cut begins in the middle of a line.
    return this.#tail && this.isCut ? text.slice(text.indexOf('\n') + 1) : text;
  }
}

const dateOf = (header: string | undefined): number | undefined => {
  const date = Date.parse(header ?? '');
  return Number.isNaN(date) ? undefined : date;
};

async function exchange(url: URL, options: RequestOptions, question: Question): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const call = (url.protocol === 'http:' ? requestPlain : request)(url, options, (response) => {
    const kept = new Kept(question);
    const finish = (): void =>
      resolve({
        status: response.statusCode ?? 0,
        body: kept.text(),
        date: dateOf(response.headers.date),
        isCut: kept.isCut,
      });
    response.on('error', reject);
    response.on('end', finish);
    response.on('data', (chunk: Buffer) => {
      if (kept.add(chunk)) return;
      finish();
      call.destroy();
    });
  });
  call.on('error', reject);
  call.end(question.mergePatch ?? question.patch);
  return promise;
}

function optionsOf(question: Question): RequestOptions {
  const { tail = false, maxBytes, accept, mergePatch, patch } = question;
  const headers = {
    ...(tail ? { range: `bytes=-${maxBytes}` } : {}),
    ...(accept === undefined ? {} : { accept }),
  };
  if (mergePatch === undefined && patch === undefined) return { method: 'GET', headers };
  const kind = mergePatch === undefined ? 'strategic-merge-patch' : 'merge-patch';
  return { method: 'PATCH', headers: { 'content-type': `application/${kind}+json` } };
}

export interface Access {
  readonly kubeconfig: string;
  /** Default: the kubeconfig's current context. */
  readonly context?: string | undefined;
  /** Milliseconds that an answer may take. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Opens the cluster of a kubeconfig in all its forms: certificates, tokens, programs that log in, proxies. */
export async function openCluster(access: Access): Promise<Cluster> {
  const { kubeconfig, context, deadlineMs, signal } = access;
  const config = await openConfig(kubeconfig, context);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw kubeconfigError(`use the kubeconfig ${kubeconfig}: its context names no cluster`);
  const server = cluster.server.replace(/\/+$/, '');
  return {
    ask: async (question) => {
      const options: RequestOptions = {
        ...optionsOf(question),
        signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      };
      try {
        await config.applyToHTTPSOptions(options);
        return await exchange(new URL(`${server}${question.path}`), options, question);
      } catch (cause) {
        signal.throwIfAborted();
        throw new KiosError('KIOS_FLEET_API', `reach ${server}`, {
          cause,
          exitCode: EXIT.unavailable,
          remedy: 'Check the address in the kubeconfig, and that this workstation reaches it.',
        });
      }
    },
  };
}
