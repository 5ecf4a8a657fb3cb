import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

import { freePort } from '../../src/workstation/free-port.ts';

/** What a client asked a proxy for: its first line, and the header that says who it is. */
export interface Asked {
  readonly line: string;
  readonly user: string | undefined;
}

/** A web proxy on the workstation's loopback that leads nowhere, and remembers what it was asked for. */
export class RecordingProxy implements AsyncDisposable {
  readonly port: number;
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #heard = Promise.withResolvers<void>();

  private constructor(port: number) {
    this.port = port;
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async open(): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(await freePort());
    proxy.#server.listen(proxy.port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  #take(socket: Socket): void {
    let head = '';
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const [line = ''] = head.split('\r\n', 1);
      const [, user] = /^proxy-authorization: Basic (\S+)/im.exec(head) ?? [];
      this.asked.push({ line, user: user && Buffer.from(user, 'base64').toString() });
      socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
      this.#heard.resolve();
      this.#heard = Promise.withResolvers<void>();
    });
  }

  /** Waits until it has been asked for a host; fails at the deadline. */
  async expect(host: string, limitMs: number): Promise<Asked> {
    const late = AbortSignal.timeout(limitMs);
    const end = Promise.withResolvers<never>();
    late.addEventListener('abort', () => end.reject(new Error(`nobody asked for ${host}`)));
    for (;;) {
      const found = this.asked.find(({ line }) => line.includes(host));
      if (found !== undefined) return found;
      await Promise.race([this.#heard.promise, end.promise]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#open) socket.destroy();
    await promise;
  }
}
