import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import path from 'node:path';

import { blobPath } from '../build/formats/oci.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const PATH = /^\/v2\/(?<repository>.+)\/(?<kind>manifests|blobs)\/(?<reference>[^/?]+)/;

/** Returns the type that a manifest or an index says it has. */
const typeOf = (bytes: Buffer): string =>
  /^\{"schemaVersion":2,"mediaType":"(?<type>[^"]+)"/.exec(bytes.toString('latin1'))?.groups?.[
    'type'
  ] ?? MANIFEST;

/** A registry on loopback (OCI distribution-spec, pull only) whose owner decides what each tag means. */
export class Registry implements AsyncDisposable {
  /** Digest by `REPOSITORY:TAG`. */
  readonly tags = new Map<string, string>();
  /** Whether it takes requests and never replies. */
  holds = false;
  /** Number of requests. */
  asked = 0;
  readonly #layout: string;
  readonly #server: Server;

  /** Serves the blobs of an OCI layout under any repository. */
  constructor(layout: string) {
    this.#layout = layout;
    this.#server = createServer((request, response) => void this.#reply(request, response));
  }

  async #reply({ url = '', method }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked += 1;
    if (this.holds) return;
    const { repository, kind, reference = '' } = PATH.exec(url)?.groups ?? {};
    const digest = this.tags.get(`${repository}:${reference}`) ?? reference;
    const bytes = await readFile(path.join(this.#layout, blobPath(digest))).catch(() => undefined);
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': kind === 'manifests' ? typeOf(bytes) : 'application/octet-stream',
      'content-length': bytes.length,
      'docker-content-digest': digest,
    });
    response.end(method === 'HEAD' ? undefined : bytes);
  }

  /** Starts it; returns its address. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
