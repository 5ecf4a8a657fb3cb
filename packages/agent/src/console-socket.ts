import { setTimeout as delay } from 'node:timers/promises';

import { connectUnixStream, type UnixStream } from '@kios/syscall';

/** Init cuts longer lines: docs/host-api.md §1. */
const MAX_LINE_BYTES = 1024;
/** The queue for a console that does not read; further lines are dropped. */
const MAX_QUEUED_BYTES = 16 * 1024;
/** The time that `close` waits for the console. */
const GIVE_UP_AFTER_MS = 300;
/** How often `close` looks whether the console has read everything. */
const LOOK_EVERY_MS = 5;
/** Delay of the first lines, and of those that found a full queue: a program's work comes before what people read. */
const FIRST_LINES_MS = 200;
const NOTHING = new Uint8Array();

export interface ConsoleSocket {
  /** Queues one line. Never throws or blocks. */
  send(line: string): void;
  /** Resolves when all lines are sent or a short deadline has passed. */
  close(): Promise<void>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return isObject(value) ? value : {};
}

type Fields = Partial<Record<string, unknown>>;

/** Characters that a line which is too long keeps of each text: the first that fit, the last whatever they are. */
const TEXT_LENGTHS = [300, 150, 25];

/** Returns what tells a fault, in a line and in an error alike. */
function shortened({ code, message, cause, remedy }: Fields, length: number): Fields {
  const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, length) : undefined);
  return { code: text(code), message: text(message), cause: text(cause), remedy: text(remedy) };
}

function cutLine(fields: Fields, length: number): string {
  const { lvl, t, up, agent, ev, err } = fields;
  const error = isObject(err) ? shortened(err, length) : undefined;
  const known = { lvl, t, up, agent, ev, ...shortened(fields, length), err: error, cut: true };
  return `${JSON.stringify(known)}\n`;
}

const fits = (line: string): boolean => Buffer.byteLength(line) <= MAX_LINE_BYTES;

/** Shortens a line to the console's limit. It stays valid JSON, because programs read the console too. */
export function fitLine(line: string): string {
  const text = line.trimEnd();
  if (fits(text)) return `${text}\n`;
  const fields: Fields = parseObject(text);
  const [shortest = '', ...longer] = TEXT_LENGTHS.map((n) => cutLine(fields, n)).toReversed();
  return longer.findLast(fits) ?? shortest;
}

class Console implements ConsoleSocket {
  readonly #path: string;
  #stream: UnixStream | undefined;
  #waiting: Uint8Array = NOTHING;
  #soon: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  send(line: string): void {
    if (this.#waiting.length >= MAX_QUEUED_BYTES) return;
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(fitLine(line))]);
    if (this.#stream === undefined) this.#later();
    else this.#handOver();
  }

  async close(): Promise<void> {
    const deadline = performance.now() + GIVE_UP_AFTER_MS;
    while (!this.#isRead() && performance.now() < deadline) await delay(LOOK_EVERY_MS);
    this.#forget();
  }

  #later(): void {
    this.#soon ??= setTimeout(() => this.#handOver(), FIRST_LINES_MS).unref();
  }

  /** Writes as much as init takes now. Lines are lost while there is no init to take them. */
  #handOver(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    if (this.#waiting.length === 0) return;
    try {
      this.#stream ??= connectUnixStream(this.#path);
      this.#waiting = this.#waiting.subarray(this.#stream.write(this.#waiting));
    } catch {
      this.#forget();
    }
    if (this.#waiting.length > 0) this.#later();
  }

  /** Returns whether init has read every line and closed, or never will. It must find the process that sent them. */
  #isRead(): boolean {
    this.#handOver();
    if (this.#stream === undefined) return true;
    if (this.#waiting.length > 0) return false;
    try {
      this.#stream.end();
      return this.#stream.isOver();
    } catch {
      return true;
    }
  }

  #forget(): void {
    clearTimeout(this.#soon);
    this.#stream?.[Symbol.dispose]();
    this.#stream = undefined;
    this.#waiting = NOTHING;
  }
}

/** Opens the operator's console through init. It is best effort: an agent works the same without it. */
export const openConsole = (path: string): ConsoleSocket => new Console(path);
