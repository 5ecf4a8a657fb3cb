import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { runtimes, shippedRuntime } from '@kios/testkit';

import type { NodeFolder } from './node-folder.ts';

export interface Line {
  readonly ev: string;
  readonly lvl: string;
  readonly [field: string]: unknown;
}

const BUNDLE = path.join(import.meta.dirname, '../../dist/agent.cjs');

/** The runtimes a bundle must run under; Bun is the one that ships. */
export const RUNTIMES = runtimes().map(({ name, program }) => [name, program] as const);

/** The shipped runtime if known, otherwise this one. */
export const SHIPPED = shippedRuntime();

export interface AgentOptions {
  readonly program: string;
  readonly node: NodeFolder;
  readonly verb: string;
  readonly flags?: readonly string[];
  /** The command that runs the program, a namespace or a tracer, with its arguments. */
  readonly by?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Returns what may explain an event that does not come; shown with the failure. */
  readonly explain?: () => string;
}

/** Returns the flags that make the folder the agent's machine. */
export function pathFlags({ settings }: NodeFolder): readonly string[] {
  return Object.entries({
    etc: settings.etc,
    run: settings.run,
    'seed-dir': settings.seedDir,
    'state-dir': settings.stateDir,
    'kubelet-pki': settings.kubeletPki,
    sysfs: settings.sysfs,
    cmdline: settings.cmdline,
    firmware: settings.firmware,
    'proc-net': settings.procNet,
    plugins: settings.plugins,
    'plugin-dir': settings.pluginDir,
    socket: settings.socket,
  }).map(([flag, value]) => `--${flag}=${value}`);
}

const isLine = (value: unknown): value is Line =>
  typeof value === 'object' && value !== null && 'ev' in value;

/** The bundled agent as a process of its own. */
export class AgentProcess implements AsyncDisposable {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #explain: () => string;
  readonly exit: Promise<number | null>;
  #wake: () => void = () => {};
  errors = '';

  constructor(options: AgentOptions) {
    const { program, node, verb, flags = [], by = [], env = {}, explain = () => '' } = options;
    this.#explain = explain;
    const command = [...by, program, BUNDLE, verb, ...pathFlags(node), ...flags];
    this.#child = spawn(command[0] ?? program, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...RUNTIME_ENV,
        ...env,
        KIOS_CONSOLE: path.join(node.root, 'no-console.sock'),
      },
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    createInterface({ input: stdout }).on('line', (text) => {
      const line: unknown = JSON.parse(text);
      if (isLine(line)) this.lines.push(line);
      this.#wake();
    });
    // Not `exit`, at which the last output may still be in the pipe.
    this.exit = new Promise((resolve) => void this.#child.once('close', resolve));
    void this.exit.then(() => this.#wake());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits for an event, or returns one that was seen already. */
  async expect(ev: string, seconds = 20): Promise<Line> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const line = this.lines.find((item) => item.ev === ev);
      if (line !== undefined) return line;
      const left = deadline - Date.now();
      if (left <= 0 || this.#child.exitCode !== null)
        throw new Error(
          `no ${ev}; saw ${JSON.stringify(this.lines)} ${this.errors} ${this.#explain()}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Returns how often an event was seen. */
  count(ev: string): number {
    return this.lines.filter((line) => line.ev === ev).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }
}
