import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { issueAuthority, issueLeaf } from '../../../src/lab/controlplane/certificates.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';
import { freePort } from '../../../src/workstation/free-port.ts';

/**
 * What becomes of a connection to the API server: it is passed on; refused; passed on as long as the replies are small,
 * as behind a black hole for large packets; or taken by somebody with a certificate of another authority, who to a node
 * without one is an API server of an older release.
 */
export type Way = 'through' | 'closed' | 'small' | 'impostor';
/** A release before any that the node's kubelet fits. */
export const OLDER_RELEASE = 'v1.20.15';

const LOOPBACK = '127.0.0.1';
/** Above the reply to what is no TLS, and below the first flight of TLS. */
const SMALL_BYTES = 400;

/** Replies as an API server that lets strangers see its version, and nothing else. */
function reply({ url }: IncomingMessage, response: ServerResponse): void {
  const [status, body] =
    url === '/version'
      ? [200, { gitVersion: OLDER_RELEASE }]
      : [403, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 403 }];
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A port of the workstation in front of the API server, whose way a test changes. */
export class Switchboard implements AsyncDisposable {
  readonly port: number;
  readonly #apiPort: number;
  readonly #impostor: TlsServer;
  readonly #impostorPort: number;
  readonly #open = new Set<Socket>();
  #server: Server | undefined;
  #way: Way = 'closed';

  private constructor(
    ports: { readonly port: number; readonly api: number; readonly impostor: number },
    impostor: TlsServer,
  ) {
    this.port = ports.port;
    this.#apiPort = ports.api;
    this.#impostorPort = ports.impostor;
    this.#impostor = impostor;
  }

  /** The way is closed at first. */
  static async open(apiPort: number): Promise<Switchboard> {
    const authority = await issueAuthority('somebody else');
    const leaf = await issueLeaf(authority, {
      commonName: 'impostor',
      usage: 'server',
      dnsNames: ['kubernetes'],
      ips: [WORKSTATION_SEEN_BY_GUEST],
    });
    const impostor = createTlsServer({ cert: leaf.certificate, key: leaf.key }, reply);
    // Whoever knows the right authority hangs up.
    impostor.on('tlsClientError', () => {});
    const own = await freePort();
    impostor.listen(own, LOOPBACK);
    await once(impostor, 'listening');
    const ports = { port: await freePort(), api: apiPort, impostor: own };
    return new Switchboard(ports, impostor);
  }

  /** Ends all connections, and has later ones go this way. Returns the time in milliseconds. */
  async set(way: Way): Promise<number> {
    this.#way = way;
    await this.#close();
    if (way !== 'closed') {
      this.#server = createServer((near) => this.#pass(near));
      this.#server.listen(this.port, LOOPBACK);
      await once(this.#server, 'listening');
    }
    return Date.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    this.#impostor.closeAllConnections();
    this.#impostor.close();
  }

  #pass(near: Socket): void {
    const port = this.#way === 'impostor' ? this.#impostorPort : this.#apiPort;
    const far = connect({ host: LOOPBACK, port });
    const part = (): void => {
      near.destroy();
      far.destroy();
      this.#open.delete(near);
    };
    this.#open.add(near);
    near.on('error', part).on('close', part);
    far.on('error', part).on('close', part);
    near.pipe(far);
    if (this.#way === 'small') far.on('data', (chunk: Buffer) => this.#passSmall(near, chunk));
    else far.pipe(near);
  }

  /** A reply that does not fit a small packet is lost, and so is all that follows. */
  #passSmall(near: Socket, chunk: Buffer): void {
    if (near.bytesWritten + chunk.length <= SMALL_BYTES) near.write(chunk);
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }
}
