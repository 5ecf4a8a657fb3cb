import { EXIT, KiosError } from '@kios/errors';

import { tailFile } from '../../workstation/tail-file.ts';
import { isSent, parseConsoleLine, type ConsoleEvent } from './console-line.ts';

/** A console event, and the workstation's time in milliseconds at which it was seen. */
export interface SeenEvent extends ConsoleEvent {
  readonly seenAt: number;
}

interface Waiter {
  readonly match: (event: SeenEvent) => boolean;
  readonly resolve: (event: SeenEvent) => void;
  readonly reject: (error: Error) => void;
}

const KEPT_LINES = 20;
const PANIC = /Kernel panic|end Kernel panic/;

/** Follows a machine's console, keeps its events, and lets callers wait for one with a deadline. */
export class Console implements Disposable {
  readonly file: string;
  readonly events: SeenEvent[] = [];
  readonly #stop = new AbortController();
  readonly #waiters = new Set<Waiter>();
  #last: string[] = [];
  #failure: Error | undefined;

  constructor(file: string) {
    this.file = file;
    void this.#follow();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    for await (const line of tailFile(this.file, this.#stop.signal)) {
      if (line.trim() !== '') this.#last = [...this.#last, line].slice(-KEPT_LINES);
      const event = parseConsoleLine(line);
      if (event !== undefined) this.#see({ ...event, seenAt: Date.now() });
      else if (PANIC.test(line) && !isSent(line)) this.#fail(line);
    }
  }

  #see(event: SeenEvent): void {
    this.events.push(event);
    for (const waiter of this.#waiters) if (waiter.match(event)) waiter.resolve(event);
    if (event.agent === 'init' && event.ev === 'fatal') this.#fail(JSON.stringify(event.fields));
  }

  #fail(line: string): void {
    this.#failure = new KiosError('KIOS_NODE_FATAL', `boot the node: ${line.trim()}`, {
      exitCode: EXIT.unavailable,
      remedy: `Read the whole console in ${this.file}.`,
    });
    for (const waiter of this.#waiters) waiter.reject(this.#failure);
  }

  /** Returns the first matching event, past or future. Fails at the deadline, on a panic and on init's `fatal`. */
  async expect(
    what: string,
    match: (event: SeenEvent) => boolean,
    deadlineMs: number,
  ): Promise<SeenEvent> {
    const past = this.events.find(match);
    if (past !== undefined) return past;
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<SeenEvent>();
    const waiter = { match, resolve, reject };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => reject(this.#late(what, deadlineMs)), deadlineMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  #late(what: string, deadlineMs: number): KiosError {
    const seconds = Math.round(deadlineMs / 1000);
    const said = this.#last.at(-1)?.trim() ?? 'nothing';
    return new KiosError(
      'KIOS_NODE_TIMEOUT',
      `see ${what} on the console within ${seconds} s; its last line: ${said}`,
      { exitCode: EXIT.unavailable, remedy: `Read the whole console in ${this.file}.` },
    );
  }
}
