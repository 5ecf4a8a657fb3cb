import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Generous, because on a busy machine a program may take seconds to start. */
const DEFAULT_DEADLINE_MS = 30_000;
const KILL_AFTER_MS = 3000;

interface Waiter {
  readonly matches: (line: string) => boolean;
  readonly found: (line: string) => void;
}

/** A program under test: its lines of output, and waits for lines with a deadline. */
export class RunningProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  /** Exit code, or the name of the signal that ended the program. */
  readonly exited: Promise<number | string>;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #waiters = new Set<Waiter>();

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#command = `${command} ${args.join(' ')}`;
    this.pid = child.pid ?? -1;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#onLine(line));
    }
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  /** Waits for the first line, past or future, that contains the text or matches the pattern. */
  async expect(what: string | RegExp, deadlineMs = DEFAULT_DEADLINE_MS): Promise<string> {
    const matches = (line: string): boolean =>
      typeof what === 'string' ? line.includes(what) : what.test(line);
    const seen = this.lines.find(matches);
    return seen ?? this.expectNext(what, deadlineMs);
  }

  /** Like `expect`, among future lines only. */
  async expectNext(what: string | RegExp, deadlineMs = DEFAULT_DEADLINE_MS): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const matches = (line: string): boolean =>
      typeof what === 'string' ? line.includes(what) : what.test(line);
    const waiter = { matches, found: resolve };
    this.#waiters.add(waiter);
    const fail = (why: string): void => reject(new Error(this.#complain(what, why)));
    const timer = setTimeout(() => fail(`not within ${deadlineMs} ms`), deadlineMs);
    void this.exited.then((code) => fail(`it ended with ${code}`));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  /** Ends the program, with SIGKILL if it ignores `signal`. Returns how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #onLine(line: string): void {
    this.lines.push(line);
    for (const waiter of this.#waiters) if (waiter.matches(line)) waiter.found(line);
  }

  #complain(what: string | RegExp, why: string): string {
    return `${this.#command}: expected ${String(what)}: ${why}\n${this.lines.join('\n')}`;
  }
}
