import { vi } from 'vitest';

import type { Settings } from '../../src/core/settings/settings.ts';
import type { ClockPorts } from '../../src/edge/node/clock.ts';
import { joinNode, type Joined } from '../../src/verbs/join.ts';
import { watch } from '../../src/verbs/watch.ts';
import { FakeCluster } from './fake-cluster.ts';
import { testLogger } from './logger.ts';
import { NodeFolder } from './node-folder.ts';

interface Line {
  readonly ev: string;
  readonly [field: string]: unknown;
}

const isLine = (value: unknown): value is Line =>
  typeof value === 'object' && value !== null && 'ev' in value;

/** The agent in this process, on a machine in a folder. Its cluster says yes until the test has it say otherwise. */
export class LocalAgent implements AsyncDisposable {
  readonly node: NodeFolder;
  readonly cluster = new FakeCluster();
  /** Replaces the kernel's clock and the time servers, if set. */
  clock: ClockPorts | undefined;
  /** What the agent has logged. */
  lines: Line[] = [];
  #stop = new AbortController();
  #watching: Promise<unknown> = Promise.resolve();

  constructor(node: NodeFolder) {
    this.node = node;
  }

  readonly #log = testLogger({
    stdout: (text) => {
      const line: unknown = JSON.parse(text);
      if (isLine(line)) this.lines.push(line);
    },
  });

  #context(change: Partial<Settings>) {
    const settings = { ...this.node.settings, nodeCheckSeconds: 0.05, ...change };
    const openApi = (endpoint: string) => this.cluster.open(endpoint);
    const clock = this.clock === undefined ? {} : { clock: this.clock };
    return { settings, log: this.#log, signal: this.#stop.signal, openApi, ...clock };
  }

  /** Runs once. */
  async run(change: Partial<Settings> = {}): Promise<Joined> {
    return joinNode(this.#context(change));
  }

  /** Starts the agent, or starts it again. */
  async start(change: Partial<Settings> = {}): Promise<void> {
    await this.stop();
    this.#watching = watch(this.#context(change)).catch((error: unknown) => error);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    this.#stop = new AbortController();
  }

  /** Forgets what the agent has logged, asked and sent. */
  forget(): void {
    this.lines = [];
    this.cluster.asked.length = 0;
    this.cluster.opened.length = 0;
    this.node.sent.length = 0;
  }

  saw(ev: string): readonly Line[] {
    return this.lines.filter((line) => line.ev === ev);
  }

  async sees(ev: string, times = 1): Promise<void> {
    await this.until(() => {
      if (this.saw(ev).length < times) throw new Error(`no ${ev}: ${JSON.stringify(this.lines)}`);
    });
  }

  async until(check: () => void): Promise<void> {
    await vi.waitFor(check, { timeout: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.node[Symbol.asyncDispose]();
  }
}
