import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const MAIN = path.resolve(import.meta.dirname, '../../../src/main.ts');
const DEADLINE_MS = 60_000;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/** `./kios` on a terminal of its own, made by script(1): what is typed there reaches every process of the command. */
export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #seen = '';

  /** Words are those of a shell. On a `dumb` terminal each stage is shown at once, as a line. */
  constructor(words: string, term = 'xterm') {
    const command = `exec ${process.execPath} ${MAIN} ${words}`;
    this.#child = spawn(
      'script',
      ['--quiet', '--return', '--flush', '--command', command, '/dev/null'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, TERM: term, KIOS_DEBUG: undefined },
      },
    );
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#seen += text;
    });
    this.#ended = once(this.#child, 'close');
  }

  /** What the terminal has shown. */
  get text(): string {
    return stripVTControlCharacters(this.#seen);
  }

  async shows(what: string): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    while (!this.text.includes(what)) {
      if (this.#child.exitCode !== null) throw new Error(`it ended without ${what}:\n${this.text}`);
      const more = once(this.#child.stdout!, 'data', { signal });
      await Promise.race([more, this.#ended]).catch(() => {
        throw new Error(`no ${what} on the terminal:\n${this.text}`);
      });
    }
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  interrupt(): void {
    this.#child.stdin?.write(CTRL_C);
  }

  endInput(): void {
    this.#child.stdin?.write(CTRL_D);
  }

  /** Returns the exit code. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
