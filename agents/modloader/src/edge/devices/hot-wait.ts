import { openUevents } from '@kios/netlink';

import { type Condition, parseCondition } from '../../core/devices/condition.ts';
import { type Batch, EventQueue } from './event-queue.ts';
import { failLate, waitForAll } from './waiting.ts';

/** The wait of a command that ends: for `--wait-for`, while it serves the devices that appear. */
export class HotWait implements Disposable {
  readonly #conditions: readonly Condition[];
  readonly #timeoutMs: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #queue: EventQueue | undefined;

  /** Subscribes to events at once, if there is something to wait for. */
  constructor(
    { waitFor, timeout }: { readonly waitFor: readonly string[]; readonly timeout: number },
    signal: AbortSignal,
  ) {
    this.#conditions = waitFor.map((text) => parseCondition(text));
    this.#timeoutMs = timeout * 1000;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    if (waitFor.length > 0) this.#queue = new EventQueue(openUevents(), this.#signal);
  }

  /** Waits until all holds; meanwhile `serve` takes devices that appear. Fails after the timeout. */
  async end(serve: (batch: Batch) => Promise<unknown>): Promise<void> {
    const queue = this.#queue;
    if (queue === undefined) return;
    const serving = async (): Promise<never> => {
      for (;;) await serve(await queue.next());
    };
    const late = failLate(this.#timeoutMs);
    const wait = { queue, late, timeoutMs: this.#timeoutMs, signal: this.#signal };
    await Promise.race([waitForAll(this.#conditions, wait), serving()]);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
