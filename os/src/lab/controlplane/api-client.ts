import { Agent, request } from 'node:https';

import { EXIT, KiosError } from '@kios/errors';

import type { KeyedCertificate } from './certificates.ts';

/** An object of the Kubernetes API with the path it lives at. */
export interface ApiObject {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const REQUEST_MS = 10_000;
/** Whoever else has the port may never answer; asking again is cheap. */
const READY_MS = 2000;

/** The few calls the control plane makes to its own API server, as administrator. */
export class ApiClient {
  readonly #agent: Agent;
  readonly #port: number;

  constructor(port: number, caPem: string, credentials: KeyedCertificate) {
    this.#port = port;
    const { certificate, key } = credentials;
    this.#agent = new Agent({ ca: caPem, cert: certificate, key, keepAlive: true });
  }

  /** Whether the server says that it is ready to serve. */
  async isReady(): Promise<boolean> {
    const answer = await this.#send('GET', '/readyz', READY_MS).catch(() => undefined);
    return answer?.status === 200;
  }

  /** Makes an object what it is given as (server-side apply); answers false when its namespace is not there yet. */
  async apply(object: ApiObject): Promise<boolean> {
    const path = `${object.path}?fieldManager=kios&force=true`;
    const answer = await this.#send('PATCH', path, REQUEST_MS, JSON.stringify(object.body));
    if (answer.status === 404) return false;
    if (answer.status < 300) return true;
    throw new KiosError(
      'KIOS_CP_API',
      `write ${object.path}: the API server replied ${answer.status}: ${answer.text.slice(0, 300)}`,
      { exitCode: EXIT.unavailable },
    );
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, timeout: number, body?: string): Promise<Answer> {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path };
      const sent = request({ ...options, headers, timeout }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
      });
      sent.on('timeout', () => sent.destroy(new Error(`no reply within ${timeout} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
