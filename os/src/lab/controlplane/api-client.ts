import { Agent, request } from 'node:https';

import { EXIT, KiosError } from '@kios/errors';

import type { KeyedCertificate } from './certificates.ts';

/** An object of the Kubernetes API and its path. */
export interface ApiObject {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

const REQUEST_MS = 10_000;
/** Another program on that port may never reply, and asking again is cheap. */
const READY_MS = 2000;

/** The control plane's calls to its own API server, as administrator. */
export class ApiClient {
  readonly #agent: Agent;
  readonly #port: number;

  constructor(port: number, caPem: string, credentials: KeyedCertificate) {
    this.#port = port;
    const { certificate, key } = credentials;
    this.#agent = new Agent({ ca: caPem, cert: certificate, key, keepAlive: true });
  }

  /** Asks the server whether it is ready to serve. */
  async isReady(): Promise<boolean> {
    const reply = await this.#send('GET', '/readyz', READY_MS).catch(() => undefined);
    return reply?.status === 200;
  }

  /** Writes an object by server-side apply. Returns false when its namespace does not exist yet. */
  async apply(object: ApiObject): Promise<boolean> {
    const path = `${object.path}?fieldManager=kios&force=true`;
    const reply = await this.#send('PATCH', path, REQUEST_MS, JSON.stringify(object.body));
    if (reply.status === 404) return false;
    if (reply.status < 300) return true;
    throw new KiosError(
      'KIOS_CP_API',
      `write ${object.path}: the API server replied ${reply.status}: ${reply.text.slice(0, 300)}`,
      { exitCode: EXIT.unavailable },
    );
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, timeout: number, body?: string): Promise<Reply> {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path };
      const sent = request({ ...options, headers, timeout }, (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('error', reject);
        reply.on('end', () =>
          resolve({ status: reply.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
      });
      sent.on('timeout', () => sent.destroy(new Error(`no reply within ${timeout} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
