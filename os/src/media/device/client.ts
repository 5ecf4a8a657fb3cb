import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import type { DiskIdentity } from '../disks/disk.ts';
import { BLOCK } from '../units.ts';
import type { BlockDevice, Mode } from './block-device.ts';
import { deviceError } from './device-error.ts';
import { encodeMessage, type Message, messages } from './messages.ts';
import { Reply, type Request } from './server.ts';

/** Longer than the kernel needs to give up on a disk: 30 s for a command, a reset of the bus, and the same again. */
const DEADLINE_MS = 180_000;

const SERVER = path.join(import.meta.dirname, 'server-main.ts');

/** The process at the other end. */
interface Peer {
  readonly input: Writable;
  readonly output: Readable;
  /** Waits for its end, but not for ever. */
  readonly ended: () => Promise<unknown>;
}

/** A block device that another process has opened. */
class RemoteDevice implements BlockDevice {
  readonly disk: DiskIdentity;
  readonly #peer: Peer;
  readonly #replies: AsyncGenerator<Message>;
  readonly #deadlineMs: number;
  #bytes = 0;

  constructor(disk: DiskIdentity, peer: Peer, deadlineMs: number) {
    this.disk = disk;
    this.#peer = peer;
    this.#replies = messages(peer.output);
    this.#deadlineMs = deadlineMs;
    peer.input.on('error', () => {}); // the reply that never comes tells it
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Without a deadline, because sudo may wait for a password. */
  async open(mode: Mode): Promise<void> {
    const { path, bytes, serial, wwn, model, number } = this.disk;
    const disk = { path, bytes, serial, wwn, model, number };
    const { reply } = await this.#ask({ op: 'open', disk, mode }, undefined, Infinity);
    this.#bytes = reply.bytes ?? 0;
  }

  async write(at: number, data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.length; done += BLOCK)
      await this.#ask({ op: 'write', at: at + done }, data.subarray(done, done + BLOCK));
  }

  async zero(at: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += BLOCK)
      await this.#ask({ op: 'zero', at: at + done, bytes: Math.min(BLOCK, length - done) });
  }

  async flush(): Promise<void> {
    await this.#ask({ op: 'flush' });
  }

  async digest(at: number, length: number): Promise<string> {
    const { reply } = await this.#ask({ op: 'digest', at, bytes: length });
    return reply.digest ?? '';
  }

  async read(at: number, length: number): Promise<Buffer> {
    const { body } = await this.#ask({ op: 'read', at, bytes: length });
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer.input.end();
    this.#peer.output.destroy(); // a reply that nobody reads would keep the child
    await this.#peer.ended();
  }

  async #ask(
    request: Request,
    body?: Uint8Array,
    deadlineMs = this.#deadlineMs,
  ): Promise<{ reply: v.InferOutput<typeof Reply>; body: Buffer }> {
    for (const piece of encodeMessage(request, body)) this.#peer.input.write(piece);
    const message = await this.#within(deadlineMs, this.#replies.next());
    if (message.done === true) throw childEnded();
    const reply = v.parse(Reply, message.value.head);
    if (reply.failure === undefined) return { reply, body: message.value.body };
    const { code, message: text, remedy, exitCode } = reply.failure;
    throw new KiosError(code, text, {
      exitCode,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }

  async #within<T>(ms: number, work: Promise<T>): Promise<T> {
    if (ms === Infinity) return work;
    work.catch(() => {}); // after the deadline nobody waits for it
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(deviceError('gone', `use ${this.disk.path}`, `no reply for ${ms / 1000} s`)),
      ms,
    );
    try {
      return await Promise.race([work, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const childEnded = (): KiosError =>
  new KiosError('KIOS_FLASH_ROOT', 'run the part of the flash that needs root: it ended', {
    exitCode: EXIT.permission,
    remedy: 'Run it as a user who may use sudo, or as root.',
  });

/** Returns the command line of the only process that opens the disk. sudo asks for the password on the terminal. */
export const serverCommand = (isAllowed: boolean, canAsk: boolean): readonly string[] => {
  const server = [process.execPath, SERVER];
  if (isAllowed) return server;
  return ['sudo', ...(canAsk ? [] : ['--non-interactive']), '--', ...server];
};

const mayOpen = ({ path }: DiskIdentity, mode: Mode): Promise<boolean> =>
  access(path, mode === 'write' ? constants.R_OK | constants.W_OK : constants.R_OK).then(
    () => true,
    () => false,
  );

/** Opens a disk through a process that serves it on its standard input and output. */
export async function connectDevice(
  disk: DiskIdentity,
  mode: Mode,
  peer: Peer,
  deadlineMs = DEADLINE_MS,
): Promise<BlockDevice> {
  const device = new RemoteDevice(disk, peer, deadlineMs);
  try {
    await device.open(mode);
    return device;
  } catch (error) {
    await device[Symbol.asyncDispose]();
    throw error;
  }
}

/** Longer than a write in progress takes. After it the child is left alone: it ends by itself as soon as it can. */
const END_MS = 60_000;

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await once(child, 'exit', { signal: AbortSignal.timeout(END_MS) }).catch(() => {});
}

/**
 * Opens a disk in a child process, as root where this user may not open it. The child alone touches the disk; it ends
 * when the device is disposed of, or this process ends in whatever way.
 */
export async function openDevice(
  disk: DiskIdentity,
  mode: Mode,
  canAsk: boolean,
): Promise<BlockDevice> {
  const [program = '', ...args] = serverCommand(await mayOpen(disk, mode), canAsk);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child, 'spawn').catch((cause: unknown) => {
    throw new KiosError('KIOS_FLASH_ROOT', `run ${program} for ${disk.path}`, {
      cause,
      exitCode: EXIT.permission,
      remedy: 'Install sudo, or run this command as root.',
    });
  });
  const peer = { input: child.stdin, output: child.stdout, ended: () => ended(child) };
  return connectDevice(disk, mode, peer);
}
