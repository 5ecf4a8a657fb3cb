import { sleep } from '@kios/agent';

/** Kinds of news that one waiting loop looks at together. News that comes while nobody waits ends the next wait. */
export class Alarm<Kind extends string> {
  #raised = new Set<Kind>();
  #wake: (() => void) | undefined;

  raise(kind: Kind): void {
    this.#raised.add(kind);
    this.#wake?.();
  }

  /** Returns the news since the last call, after `ms` at the latest, and `settle()` ms after the first of a burst. */
  async wait(ms: number, settle: () => number, signal: AbortSignal): Promise<ReadonlySet<Kind>> {
    if (this.#raised.size === 0) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
      this.#wake = undefined;
    }
    if (this.#raised.size > 0) await sleep(settle(), signal).catch(() => undefined);
    const raised = this.#raised;
    this.#raised = new Set();
    return raised;
  }
}
