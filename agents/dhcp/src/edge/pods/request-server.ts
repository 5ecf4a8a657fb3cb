import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';

import { describe, errorCode } from '@kios/errors';

import {
  formatReply,
  MAX_REQUEST,
  parseRequest,
  type Reply,
  type Request,
} from '../../core/pods/protocol.ts';

/** How long a client may take for its one line. */
const LINE_MS = 5000;
const MAX_CLIENTS = 256;

export type Answer = (request: Request, gone: AbortSignal) => Promise<Reply>;

const refusal = (code: string, message: string): Reply => ({ error: { code, message } });

/** Serves CNI plugins: one request for each connection. Only the host's root can open one. */
export class RequestServer {
  readonly #server: Server;
  readonly #answer: Answer;
  readonly #clients = new Set<Socket>();

  private constructor(answer: Answer) {
    this.#answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CLIENTS;
  }

  /** Listens at a path, in place of an instance that was killed. */
  static async open(file: string, answer: Answer): Promise<RequestServer> {
    const folder = path.dirname(file);
    mkdirSync(folder, { recursive: true });
    // Kubelet makes a folder that everybody may enter, and the socket gets its mode only after it listens.
    chmodSync(folder, 0o700);
    rmSync(file, { force: true });
    const server = new RequestServer(answer);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.#server.once('error', reject);
    server.#server.listen(file, resolve);
    await promise;
    chmodSync(file, 0o600);
    return server;
  }

  /** Ends at once: a client that waits for an address tries again, and finds the next instance. */
  close(): void {
    this.#server.close();
    for (const socket of this.#clients) socket.destroy();
  }

  #serve(socket: Socket): void {
    const gone = new AbortController();
    this.#clients.add(socket);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(LINE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#clients.delete(socket);
      gone.abort();
    });
    const onData = (data: string): void => {
      text += data;
      if (text.length > MAX_REQUEST) socket.destroy();
      const end = text.indexOf('\n');
      if (end < 0) return;
      socket.off('data', onData);
      // From here on the client waits for a DHCP server.
      socket.setTimeout(0);
      void this.#reply(text.slice(0, end), gone.signal).then((reply) =>
        socket.end(formatReply(reply)),
      );
    };
    socket.on('data', onData);
  }

  async #reply(line: string, gone: AbortSignal): Promise<Reply> {
    const request = parseRequest(line);
    if (request === undefined)
      return refusal('KIOS_DHCP_POD_REQUEST', 'cannot read request: it is of another version');
    try {
      return await this.#answer(request, gone);
    } catch (error) {
      return refusal(errorCode(error) ?? 'KIOS_DHCP_POD_REQUEST', `cannot ${describe(error)}`);
    }
  }
}
