import { access } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';

import { sleep } from '@kios/agent';
import { describe } from '@kios/errors';
import * as v from 'valibot';

import { UpdateError } from '../../core/faults/errors.ts';
import { SYSTEMS } from '../../core/slots/board.ts';
import { ENTRIES, IMAGES } from '../../core/slots/names.ts';

/** Init checks and mounts the partition within seconds, also a large one on a slow medium. */
const ANSWER_MS = 60_000;
/** Init unmounts when a connection ends, which writes out what is left; until then it refuses the next one. */
const BUSY_MS = 120_000;
const PAUSE_MS = 500;
const MAX_LINE = 4096;

/** Another connection has it, or had it a moment ago. */
const BUSY = 'KIOS_INIT_SLOTS_BUSY';

/** What init says on a connection: that the partition is mounted, or why it is not. */
const Answer = v.object({
  v: v.literal(1),
  mounted: v.boolean(),
  code: v.optional(v.string(), ''),
  cause: v.optional(v.string(), ''),
});

export interface EspPlace {
  /** Init's socket. */
  readonly socket: string;
  /** Where init mounts the partition. */
  readonly folder: string;
}

const espError = (why: string): UpdateError =>
  new UpdateError('KIOS_UPDATE_ESP', `mount the EFI system partition: ${why}`);

/** Reads the one line that init sends. */
async function readLine(socket: Socket, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const until = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const late = (): void => reject(espError(`init says nothing in ${ANSWER_MS / 1000} s`));
  until.addEventListener('abort', late);
  socket.setEncoding('utf8');
  socket.on('error', reject);
  socket.on('close', () => reject(espError('init closed the connection')));
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    else if (text.length > MAX_LINE) reject(espError('init sends no line'));
  });
  try {
    return await promise;
  } finally {
    until.removeEventListener('abort', late);
  }
}

/** Connects once. Returns undefined while init is busy with another connection. */
async function tryOpen(place: EspPlace, signal: AbortSignal): Promise<Socket | undefined> {
  const socket = connect({ path: place.socket });
  try {
    const line = await readLine(socket, signal);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Answer), line);
    if (!parsed.success) throw espError(`init sends ${line.slice(0, 200)}`);
    const { mounted, code, cause } = parsed.output;
    if (mounted) return socket;
    if (code !== BUSY) throw espError(`init cannot ${cause} (${code})`);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (error instanceof UpdateError) throw error;
    throw espError(describe(error));
  }
  socket.destroy();
  return undefined;
}

async function connectTo(place: EspPlace, signal: AbortSignal): Promise<Socket> {
  // Init holds back a refusal for half a minute, so tries are no measure of the time.
  const end = performance.now() + BUSY_MS;
  for (;;) {
    const socket = await tryOpen(place, signal);
    if (socket !== undefined) return socket;
    if (performance.now() >= end) throw espError('init is busy with another connection');
    await sleep(PAUSE_MS, signal);
  }
}

/** The EFI system partition, mounted by init for as long as this is open: it goes with the agent, however that ends. */
export class Esp implements AsyncDisposable {
  readonly #place: EspPlace;
  readonly #signal: AbortSignal;
  #socket: Socket | undefined;

  private constructor(place: EspPlace, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  static async open(place: EspPlace, signal: AbortSignal): Promise<Esp> {
    const esp = new Esp(place, signal);
    await esp.#mount();
    return esp;
  }

  /** Returns the path of a file on the partition. */
  at(name: string): string {
    return path.join(this.#place.folder, name);
  }

  /** Mounts the partition anew, so that what is read comes from the medium. */
  async remount(): Promise<void> {
    await this.#unmount();
    await this.#mount();
  }

  async #mount(): Promise<void> {
    const socket = await connectTo(this.#place, this.#signal);
    // An end that comes later is noticed by the files that are no longer there.
    socket
      .removeAllListeners('close')
      .on('error', () => undefined)
      .resume();
    this.#socket = socket;
    // A pod that does not see the mount has an empty folder there.
    const isBoard = await this.#has(SYSTEMS);
    for (const folder of isBoard ? [] : [IMAGES, ENTRIES]) {
      if (await this.#has(folder)) continue;
      await this.#unmount();
      throw espError(`it has no folder ${folder}, or the pod does not see the mount`);
    }
  }

  #has(folder: string): Promise<boolean> {
    return access(this.at(folder)).then(
      () => true,
      () => false,
    );
  }

  async #unmount(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on('close', () => resolve());
    socket.destroy();
    if (!socket.closed) await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unmount();
  }
}
