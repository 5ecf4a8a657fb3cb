import type { Uevent, UeventSource } from '@kios/netlink';

/** More waiting devices than these are found by a walk: a queue must not grow with what is sent. */
const MAX_ALIASES = 4096;
const MAX_CHARACTERS = 1 << 20;
/** The wait for the end of a burst whose events were lost; it doubles while more are lost. */
const WALK_AFTER_MS = { first: 1000, longest: 60_000 } as const;
const ACTIONS: ReadonlySet<string> = new Set(['add', 'bind', 'change']);

/** Devices that appeared. */
export interface Batch {
  readonly aliases: readonly string[];
  /** Events were lost, so that only a walk shows what is there. */
  readonly isOverrun: boolean;
}

/** A wait that may fail before anybody waits. */
function fresh(): PromiseWithResolvers<void> {
  const waiter = Promise.withResolvers<void>();
  waiter.promise.catch(() => undefined);
  return waiter;
}

/**
 * Reads device events as they come, while drivers are loaded for earlier ones, and keeps of each what it is. Devices of
 * one kind count once, so that a flood costs neither memory nor loads.
 */
export class EventQueue {
  readonly #aliases = new Set<string>();
  #characters = 0;
  #isOverrun = false;
  #overrunTimer: NodeJS.Timeout | undefined;
  #overrunMs: number = WALK_AFTER_MS.first;
  #overrunAt = -Infinity;
  #waiter = fresh();
  #end: { readonly reason: unknown } | undefined;
  readonly #listeners = new Set<(event: Uevent | 'overrun') => void>();

  constructor(source: UeventSource, signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#stop(signal.reason));
    if (signal.aborted) this.#stop(signal.reason);
    void this.#follow(source, signal);
  }

  /** Calls back at each event, whatever it is about. Returns how to end that. */
  listen(listener: (event: Uevent | 'overrun') => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Waits for devices that appeared since the last call. Rejects when stopped, or when no more events can be read. */
  async next(): Promise<Batch> {
    await this.#waiter.promise;
    this.#waiter = fresh();
    if (this.#end !== undefined) throw this.#end.reason;
    const batch = { aliases: [...this.#aliases], isOverrun: this.#isOverrun };
    this.#clear();
    this.#isOverrun = false;
    return batch;
  }

  async #follow(source: UeventSource, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of source.events(signal)) {
        if (event === 'overrun') this.#lose();
        else this.#keep(event);
        for (const listener of this.#listeners) listener(event);
      }
    } catch (error) {
      this.#stop(error);
    }
  }

  #keep({ action, aliases }: Uevent): void {
    if (!ACTIONS.has(action)) return;
    for (const alias of aliases) this.#keepAlias(alias);
  }

  #keepAlias(alias: string): void {
    if (this.#aliases.has(alias)) return;
    this.#aliases.add(alias);
    this.#characters += alias.length;
    if (this.#aliases.size > MAX_ALIASES || this.#characters > MAX_CHARACTERS) this.#lose();
    else this.#waiter.resolve();
  }

  #lose(): void {
    this.#clear();
    if (this.#overrunTimer !== undefined) return;
    const now = performance.now();
    const isSoon = now - this.#overrunAt < 2 * WALK_AFTER_MS.longest;
    this.#overrunMs = isSoon
      ? Math.min(2 * this.#overrunMs, WALK_AFTER_MS.longest)
      : WALK_AFTER_MS.first;
    this.#overrunAt = now;
    this.#overrunTimer = setTimeout(() => {
      this.#overrunTimer = undefined;
      this.#isOverrun = true;
      this.#waiter.resolve();
    }, this.#overrunMs);
  }

  #clear(): void {
    this.#aliases.clear();
    this.#characters = 0;
  }

  #stop(reason: unknown): void {
    clearTimeout(this.#overrunTimer);
    this.#end = { reason };
    this.#waiter.reject(reason);
  }
}
