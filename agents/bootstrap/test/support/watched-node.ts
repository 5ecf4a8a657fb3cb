import { createLogger } from '@kios/agent';
import { vi } from 'vitest';

import type { Settings } from '../../src/core/settings/settings.ts';
import { joinNode, type Outcome } from '../../src/verbs/join.ts';
import { watch } from '../../src/verbs/watch.ts';
import { FakeCluster, READY, NODE } from './fake-cluster.ts';
import { CLIENT } from './fixtures.ts';
import { NodeFolder } from './node-folder.ts';

interface Line {
  readonly ev: string;
  readonly [field: string]: unknown;
}

const isLine = (value: unknown): value is Line =>
  typeof value === 'object' && value !== null && 'ev' in value;

/** An agent in this process, on a machine in a folder and with a cluster that the test controls. */
export class WatchedNode implements AsyncDisposable {
  readonly node: NodeFolder;
  readonly cluster = new FakeCluster();
  lines: Line[] = [];
  #stop = new AbortController();
  #watching: Promise<unknown> = Promise.resolve();

  private constructor(node: NodeFolder) {
    this.node = node;
  }

  static async make(): Promise<WatchedNode> {
    const watched = new WatchedNode(await NodeFolder.make());
    watched.node.lease();
    return watched;
  }

  readonly #log = createLogger('bootstrap', {
    console: { send: () => {}, close: () => Promise.resolve() },
    stdout: {
      write: (text: string) => {
        const line: unknown = JSON.parse(text);
        if (isLine(line)) this.lines.push(line);
      },
    },
  });

  #context(change: Partial<Settings>) {
    const settings = { ...this.node.settings, nodeCheckSeconds: 0.05, ...change };
    const openApi = () => this.cluster.api;
    return { settings, log: this.#log, signal: this.#stop.signal, openApi };
  }

  /** Runs once. */
  async run(change: Partial<Settings> = {}): Promise<Outcome> {
    return (await joinNode(this.#context(change))).outcome;
  }

  /** Starts the agent, or starts it again. */
  async start(change: Partial<Settings> = {}): Promise<void> {
    await this.stop();
    this.lines = [];
    this.cluster.asked.length = 0;
    this.node.sent.length = 0;
    this.#watching = watch(this.#context(change)).catch((error: unknown) => error);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    this.#stop = new AbortController();
  }

  /** Makes it a member whose document is this one. */
  async join(document: string): Promise<void> {
    this.node.seed(document);
    this.cluster.answers[NODE] ??= READY;
    await this.start();
    await this.sees('restart.sent');
    this.node.kubeletJoins(CLIENT);
    await this.sees('node.ready');
    this.lines = [];
    this.cluster.asked.length = 0;
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
    await vi.waitFor(check, { timeout: 20_000 });
  }

  /** Waits until the agent has looked at its Node again, so that what it does by itself is done. */
  async looks(times = 3): Promise<void> {
    const before = this.#looks();
    await this.until(() => {
      if (this.#looks() < before + times) throw new Error('the agent does not look');
    });
  }

  #looks(): number {
    return this.cluster.asked.filter(({ path }) => path === NODE).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.node[Symbol.asyncDispose]();
  }
}
