import { closeSync, readSync } from 'node:fs';

import { errno, libc } from './libc.ts';
import { poller } from './poller.ts';
import { errnoName, SyscallError } from './syscall-error.ts';

const MAX_MESSAGE = 65_536;
const MSG_NOSIGNAL = 0x4000;
const scratch = new Uint8Array(MAX_MESSAGE);

/** A socket that carries whole messages. */
export interface Channel extends Disposable {
  readonly fd: number;
  /** Sends one message; `to` is a raw sockaddr. */
  send(message: Uint8Array, to?: Uint8Array): void;
  /** Returns the next message if one is queued. */
  read(): Uint8Array | undefined;
  /** Waits for the next message, without polling. One reader at a time. Rejects when aborted or closed. */
  receive(signal?: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

/** A Channel that owns a non-blocking descriptor. `name` appears in error messages. */
export class DescriptorChannel implements Channel {
  readonly fd: number;
  readonly #name: string;
  #open = true;
  #reject: ((reason: unknown) => void) | undefined;

  constructor(fd: number, name: string) {
    this.fd = fd;
    this.#name = name;
  }

  send(message: Uint8Array, to: Uint8Array | null = null): void {
    this.#checkOpen('sendto');
    const sent = libc.sendto()(this.fd, message, message.length, MSG_NOSIGNAL, to, to?.length ?? 0);
    if (sent < 0) throw new SyscallError('sendto', errno(), `send to ${this.#name}`);
  }

  read(): Uint8Array | undefined {
    this.#checkOpen('read');
    try {
      return scratch.slice(0, readSync(this.fd, scratch));
    } catch (error) {
      const code = errnoName(error);
      if (code === 'EAGAIN') return undefined;
      throw new SyscallError('read', code, `receive from ${this.#name}`);
    }
  }

  async receive(signal?: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      signal?.throwIfAborted();
      const message = this.read();
      if (message !== undefined) return message;
      await this.#readable(signal);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    poller.cancel(this.fd);
    closeSync(this.fd);
    this.#reject?.(new SyscallError('read', 'ECANCELED', `receive from ${this.#name}`));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #readable(signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      poller.cancel(this.fd);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#reject = reject;
    poller.wait(this.fd, resolve);
    return promise.finally(() => {
      this.#reject = undefined;
      signal?.removeEventListener('abort', abort);
    });
  }

  #checkOpen(call: string): void {
    if (!this.#open) throw new SyscallError(call, 'EBADF', `use closed ${this.#name}`);
  }
}
