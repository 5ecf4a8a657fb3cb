import { closeSync, readSync } from 'node:fs';

import { errno, libc } from './libc.ts';
import { poller } from './poller.ts';
import { errnoName, SyscallError } from './syscall-error.ts';

const MAX_MESSAGE = 65_536;
const MSG_NOSIGNAL = 0x4000;
/** Has recvfrom(2) return the length of a message that does not fit. */
const MSG_TRUNC = 0x20;
/** `struct sockaddr_storage`. */
const MAX_ADDRESS = 128;
const scratch = new Uint8Array(MAX_MESSAGE);
const scratchFrom = Buffer.alloc(MAX_ADDRESS);
const scratchFromLength = Buffer.alloc(4);

/**
 * A message and its sender, a raw sockaddr that is empty where the kernel names none. Both are views that the next read
 * of any channel overwrites: in a flood copies would be most of the memory.
 */
export interface Received {
  readonly message: Uint8Array;
  readonly from: Uint8Array;
}

/** A socket that carries whole messages. */
export interface Channel extends Disposable {
  readonly fd: number;
  /** Sends one message; `to` is a raw sockaddr. */
  send(message: Uint8Array, to?: Uint8Array): void;
  /** Returns the next message if one is queued. */
  read(): Uint8Array | undefined;
  /** Like `read`, with the sender. A message of more than 64 KiB is dropped, and the result is `too long`. */
  readFrom(): Received | 'too long' | undefined;
  /** Waits for a message, or an error, to read. One reader at a time. Rejects when aborted or closed. */
  readable(signal?: AbortSignal): Promise<void>;
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

  readFrom(): Received | 'too long' | undefined {
    this.#checkOpen('recvfrom');
    scratchFromLength.writeUInt32LE(MAX_ADDRESS);
    const call = libc.recvfrom();
    const from = [scratchFrom, scratchFromLength] as const;
    const length = call(this.fd, scratch, scratch.length, MSG_TRUNC, ...from);
    if (length < 0) {
      const failure = new SyscallError('recvfrom', errno(), `receive from ${this.#name}`);
      if (failure.errno === 'EAGAIN') return undefined;
      throw failure;
    }
    if (length > scratch.length) return 'too long';
    return {
      message: scratch.subarray(0, length),
      from: scratchFrom.subarray(0, scratchFromLength.readUInt32LE()),
    };
  }

  async receive(signal?: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      signal?.throwIfAborted();
      const message = this.read();
      if (message !== undefined) return message;
      await this.readable(signal);
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

  async readable(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      poller.cancel(this.fd);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#reject = reject;
    poller.wait(this.fd, resolve);
    try {
      await promise;
    } finally {
      this.#reject = undefined;
      signal?.removeEventListener('abort', abort);
    }
  }

  #checkOpen(call: string): void {
    if (!this.#open) throw new SyscallError(call, 'EBADF', `use closed ${this.#name}`);
  }
}
