import { EXIT, KiosError } from '@kios/errors';

import { tailFile } from '../../workstation/tail-file.ts';
import { isSent, parseConsoleLine, type ConsoleEvent } from './console-line.ts';
import { LINES_BEFORE_PANIC, panicCause } from './panic-cause.ts';

/** A console event, and the workstation's time in milliseconds at which it was seen. */
export interface SeenEvent extends ConsoleEvent {
  readonly seenAt: number;
}

interface Waiter {
  readonly match: (event: SeenEvent) => boolean;
  readonly resolve: (event: SeenEvent) => void;
  readonly reject: (error: Error) => void;
}

const PANIC = /Kernel panic/;

/** Follows a machine's console, keeps its events, and lets callers wait for one with a deadline. */
export class Console implements Disposable {
  readonly file: string;
  readonly events: SeenEvent[] = [];
  readonly #stop = new AbortController();
  readonly #waiters = new Set<Waiter>();
  #last = 'nothing';
  /** The last lines that neither init nor a program of the node wrote. */
  #kernel: string[] = [];
  #failure: KiosError | undefined;

  constructor(file: string) {
    this.file = file;
    void this.#follow();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /** Aborts when the console is no longer followed. */
  get closed(): AbortSignal {
    return this.#stop.signal;
  }

  async #follow(): Promise<void> {
    for await (const line of tailFile(this.file, this.#stop.signal)) {
      const said = line.trim();
      if (said === '') continue;
      this.#last = said;
      const event = parseConsoleLine(line);
      if (event !== undefined) this.#see({ ...event, seenAt: Date.now() });
      else if (!isSent(line)) this.#hear(line);
    }
  }

  #hear(line: string): void {
    if (PANIC.test(line)) this.#fail([line.trim(), ...panicCause(this.#kernel)].join('\n'));
    else this.#kernel = [...this.#kernel, line].slice(-LINES_BEFORE_PANIC);
  }

  #see(event: SeenEvent): void {
    this.events.push(event);
    for (const waiter of this.#waiters) if (waiter.match(event)) waiter.resolve(event);
    if (event.agent === 'init' && event.ev === 'fatal') this.#fail(JSON.stringify(event.fields));
  }

  #fail(why: string): void {
    this.#failure ??= new KiosError('KIOS_NODE_FATAL', `boot the node: ${why}`, {
      exitCode: EXIT.unavailable,
      remedy: `Read the whole console in ${this.file}.`,
    });
    for (const waiter of this.#waiters) waiter.reject(this.#failure);
  }

  /** The panic or init's `fatal` that ended the boot, for callers that wait for something else than the console. */
  get failure(): KiosError | undefined {
    return this.#failure;
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
    return new KiosError(
      'KIOS_NODE_TIMEOUT',
      `see ${what} on the console within ${seconds} s; its last line: ${this.#last}`,
      { exitCode: EXIT.unavailable, remedy: `Read the whole console in ${this.file}.` },
    );
  }
}
