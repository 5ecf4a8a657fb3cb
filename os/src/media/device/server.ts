import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { describe, EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { DiskIdentity } from '../disks/disk.ts';
import type { BlockDevice, Mode } from './block-device.ts';
import { encodeMessage, type Message, messages } from './messages.ts';

const range = { at: v.number(), bytes: v.number() };
export const Request = v.variant('op', [
  v.object({ op: v.literal('open'), disk: DiskIdentity, mode: v.picklist(['read', 'write']) }),
  v.object({ op: v.literal('write'), at: v.number() }),
  v.object({ op: v.literal('zero'), ...range }),
  v.object({ op: v.literal('digest'), ...range }),
  v.object({ op: v.literal('read'), ...range }),
  v.object({ op: v.literal('flush') }),
]);
export type Request = v.InferOutput<typeof Request>;

export const Failure = v.object({
  code: v.string(),
  message: v.string(),
  remedy: v.optional(v.string()),
  exitCode: v.picklist(Object.values(EXIT)),
});
/** Exactly one reply follows each request, in the same order. */
export const Reply = v.object({
  failure: v.optional(Failure),
  bytes: v.optional(v.number()),
  digest: v.optional(v.string()),
});

type Open = (disk: DiskIdentity, mode: Mode) => Promise<BlockDevice>;

function failureOf(error: unknown): v.InferOutput<typeof Failure> {
  if (!(error instanceof KiosError))
    return { code: 'KIOS_BUG', message: `use the device: ${describe(error)}`, exitCode: EXIT.bug };
  const { code, exitCode, remedy } = error;
  return { code, message: describe(error), exitCode, ...(remedy === undefined ? {} : { remedy }) };
}

/** Carries out the requests of one connection. */
class Session implements AsyncDisposable {
  readonly #open: Open;
  #device: BlockDevice | undefined;

  constructor(open: Open) {
    this.#open = open;
  }

  async handle({ head, body }: Message): Promise<Uint8Array[]> {
    const request = v.parse(Request, head);
    if (request.op === 'open') {
      this.#device = await this.#open(request.disk, request.mode);
      return encodeMessage({ bytes: this.#device.bytes });
    }
    if (this.#device === undefined) throw new Error('no device is open');
    switch (request.op) {
      case 'write':
        await this.#device.write(request.at, body);
        return encodeMessage({});
      case 'zero':
        await this.#device.zero(request.at, request.bytes);
        return encodeMessage({});
      case 'flush':
        await this.#device.flush();
        return encodeMessage({});
      case 'digest':
        return encodeMessage({ digest: await this.#device.digest(request.at, request.bytes) });
      case 'read':
        return encodeMessage({}, await this.#device.read(request.at, request.bytes));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const device = this.#device;
    this.#device = undefined;
    await device?.[Symbol.asyncDispose]();
  }
}

/**
 * Serves one block device to the other end of a pipe, one request after the other. The end of the input is the order to
 * stop: it also comes when the other program was killed.
 */
export async function serveDevice(input: Readable, output: Writable, open: Open): Promise<void> {
  await using session = new Session(open);
  output.on('error', () => input.destroy());
  for await (const message of messages(input)) {
    const reply = await session
      .handle(message)
      .catch((error: unknown) => encodeMessage({ failure: failureOf(error) }));
    for (const piece of reply) output.write(piece);
  }
  output.end();
  await finished(output, { readable: false }).catch(() => {});
}
