import { describe } from '@kios/errors';

import type { Answer, Cluster } from '../cluster.ts';
import type { Part } from './parts.ts';
import { redactText, redactValue } from './redact.ts';

export type Outcome =
  | 'there'
  | 'absent'
  | 'forbidden'
  | 'refused'
  | 'unreachable'
  | 'unreadable'
  | 'not asked';

/** What became of a part, for the bundle's own list. */
export interface Gathered {
  readonly file: string;
  readonly path: string;
  readonly outcome: Outcome;
  readonly status?: number;
  /** Why there is nothing, in words. */
  readonly cause?: string;
  readonly isCut?: boolean;
  readonly ms: number;
}

/** How many requests are under way at a time. */
const AT_A_TIME = 4;
const CAUSE_CHARACTERS = 300;

const REFUSALS: Readonly<Record<number, Outcome>> = { 401: 'forbidden', 403: 'forbidden', 404: 'absent' }; // prettier-ignore

function outcomeOf({ isKubelets = false }: Part, status: number): Outcome {
  if (status >= 200 && status < 300) return 'there';
  // Behind these the API server did not reach kubelet.
  if (isKubelets && status >= 500) return 'unreachable';
  return REFUSALS[status] ?? 'refused';
}

/** Returns the words of a Status object of the API, or the beginning of another answer. */
function causeOf(body: string): string {
  const message = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] ?? body;
  return redactText(message).replaceAll(/\s+/g, ' ').trim().slice(0, CAUSE_CHARACTERS);
}

/** Runs tasks side by side, a few at a time. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}

/** Gathers parts of a bundle. One that is not there does not stop the others. */
export class Gatherer {
  readonly #cluster: Cluster;
  readonly #now: () => number;
  readonly #files = new Map<string, string>();
  readonly #values = new Map<string, unknown>();
  readonly #arrived = new Map<string, number>();
  readonly #gathered: Gathered[] = [];
  #apiClock: number | undefined;
  #kubeletClock: number | undefined;

  constructor(cluster: Cluster, now: () => number = Date.now) {
    this.#cluster = cluster;
    this.#now = now;
  }

  /** Content by path in the bundle, without secrets. */
  get files(): ReadonlyMap<string, string> {
    return this.#files;
  }

  get gathered(): readonly Gathered[] {
    return this.#gathered.toSorted((a, b) => (a.file < b.file ? -1 : 1));
  }

  /** Seconds by which the node's clock is ahead of the API server's, give or take two. */
  get aheadSeconds(): number | undefined {
    if (this.#kubeletClock === undefined || this.#apiClock === undefined) return undefined;
    return Math.round((this.#kubeletClock - this.#apiClock) / 1000);
  }

  /** The API server's clock now, in milliseconds since the epoch. */
  get apiNow(): number {
    return this.#now() + (this.#apiClock ?? 0);
  }

  /** The API server's clock when a file of the bundle arrived. */
  apiTimeOf(file: string): number | undefined {
    return this.#arrived.get(file);
  }

  /** The object in a file of the bundle. */
  value(file: string): unknown {
    return this.#values.get(file);
  }

  async all(parts: readonly Part[], note: (detail: string) => void): Promise<void> {
    await eachOf(parts, async (part) => {
      note(part.file);
      await this.get(part);
    });
  }

  /** Asks for a part. Returns what became of it. */
  async get(part: Part): Promise<Outcome> {
    const began = this.#now();
    const note = (outcome: Outcome, more: Partial<Gathered> = {}): Outcome => {
      const { file, path } = part;
      this.#gathered.push({ file, path, outcome, ...more, ms: this.#now() - began });
      return outcome;
    };
    let answer: Answer;
    try {
      answer = await this.#cluster.ask(part);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      return note('unreachable', { cause: redactText(describe(error)) });
    }
    const { status, body, isCut } = answer;
    const outcome = outcomeOf(part, status);
    if (outcome !== 'there') return note(outcome, { status, cause: causeOf(body) });
    this.#keepClock(part, answer, (began + this.#now()) / 2);
    this.#arrived.set(part.file, this.apiNow);
    const fault = this.#keep(part, answer);
    if (fault !== undefined) return note('unreadable', { status, cause: fault });
    return note('there', { status, ...(isCut ? { isCut } : {}) });
  }

  /** Notes parts that are not asked for. */
  skip(parts: readonly Part[], cause: string): void {
    for (const { file, path } of parts)
      this.#gathered.push({ file, path, outcome: 'not asked', cause, ms: 0 });
  }

  /** Forgets a file that was only needed on the way. */
  drop(file: string): void {
    this.#files.delete(file);
  }

  /** Keeps how far the clock of the API server, or of kubelet behind it, is ahead of this workstation's. */
  #keepClock({ path }: Part, { date }: Answer, middle: number): void {
    if (date === undefined) return;
    // The header has whole seconds.
    const ahead = date + 500 - middle;
    if (path.includes('/proxy/')) this.#kubeletClock ??= ahead;
    else this.#apiClock ??= ahead;
  }

  /** Returns why the answer cannot be kept. */
  #keep({ file, form, reduce }: Part, { body, isCut }: Answer): string | undefined {
    if (form === 'text') {
      this.#files.set(file, redactText(body));
      return undefined;
    }
    if (isCut) return 'it is too large';
    try {
      const read: unknown = JSON.parse(body);
      const value = redactValue(reduce === undefined ? read : reduce(read));
      this.#values.set(file, value);
      this.#files.set(file, `${JSON.stringify(value, undefined, 1)}\n`);
      return undefined;
    } catch {
      return 'it is no JSON';
    }
  }
}
