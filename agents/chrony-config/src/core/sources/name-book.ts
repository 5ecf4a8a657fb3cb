import { retryDelay } from '@kios/agent';

/** Names are asked for again after two weeks, as chronyd's own `refresh` does (chrony.conf(5)). */
const REFRESH_MS = 14 * 24 * 3600_000;
/** A server that has not answered for this long may have moved. */
const SILENT_MS = 300_000;
/** The waits between two questions for the address of a silent server, and for a name without any. */
const AGAIN = { firstMs: 600_000, maxMs: 24 * 3600_000 };
const UNKNOWN = { firstMs: 5000, maxMs: 600_000 };
/** The start of a network takes a while, and nobody has to hear of it. */
const QUIET_FAILURES = 3;

interface Known {
  readonly addresses: readonly string[];
  /** When an answer was last taken whole. */
  readonly taken: number;
  /** Questions in a row that brought no other address. */
  readonly vain: number;
  readonly askAt: number;
}

const UNASKED: Known = { addresses: [], taken: -Infinity, vain: 0, askAt: 0 };

/** What an answer has changed. `failed` is said once in each outage. */
export type Answered = 'nothing' | 'addresses' | 'failed' | 'found';

/**
 * The addresses of host names. Addresses once found are kept while they answer: a pool rotates them, and that must not
 * replace a source that works. All times are milliseconds of one steady clock.
 */
export class NameBook {
  readonly #known = new Map<string, Known>();
  readonly #silent = new Map<string, number>();
  readonly #told = new Set<string>();

  get addresses(): ReadonlyMap<string, readonly string[]> {
    const found = [...this.#known].filter(([, { addresses }]) => addresses.length > 0);
    return new Map(found.map(([name, { addresses }]) => [name, addresses]));
  }

  /** Returns the names to ask for now. One without an address is asked for whenever something has changed. */
  due(names: readonly string[], now: number): string[] {
    return names.filter((name) => {
      const known = this.#known.get(name);
      if (known === undefined || known.addresses.length === 0) return true;
      return now >= known.askAt;
    });
  }

  /** Returns the milliseconds until one of the names is due; undefined without names. */
  wait(names: readonly string[], now: number): number | undefined {
    const times = names.map((name) => this.#known.get(name)?.askAt ?? now);
    return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - now);
  }

  answer(name: string, found: readonly string[], now: number): Answered {
    const { addresses: before, taken, vain: vainBefore } = this.#known.get(name) ?? UNASKED;
    const isWhole = now - taken >= REFRESH_MS;
    const addresses = this.#choose(before, found, isWhole, now);
    const isSame = addresses.join() === before.join();
    const vain = isSame ? vainBefore + 1 : 0;
    this.#known.set(name, {
      addresses,
      taken: found.length > 0 && isWhole ? now : taken,
      vain,
      askAt: now + this.#pause(addresses, found, vain, now),
    });
    return this.#tell(name, found.length > 0, isSame, vain);
  }

  #tell(name: string, isFound: boolean, isSame: boolean, vain: number): Answered {
    if (isFound) {
      if (this.#told.delete(name)) return 'found';
      return isSame ? 'nothing' : 'addresses';
    }
    if (vain < QUIET_FAILURES || this.#told.has(name)) return 'nothing';
    this.#told.add(name);
    return 'failed';
  }

  /** Takes an answer whole when it is time for that, and otherwise only in the place of silent servers. */
  #choose(
    before: readonly string[],
    found: readonly string[],
    isWhole: boolean,
    now: number,
  ): readonly string[] {
    if (found.length === 0) return before;
    if (isWhole || before.length === 0) return found;
    const fresh = found.filter((address) => !before.includes(address));
    if (fresh.length === 0) return before;
    const kept = before.filter((address) => !this.#isSilent(address, now));
    return [...kept, ...fresh.slice(0, before.length - kept.length)];
  }

  #pause(addresses: readonly string[], found: readonly string[], vain: number, now: number): number {
    if (addresses.length === 0) return retryDelay(UNKNOWN, vain);
    const isGood = found.length > 0 && !addresses.some((address) => this.#isSilent(address, now));
    return isGood ? REFRESH_MS : retryDelay(AGAIN, Math.max(1, vain));
  }

  #isSilent(address: string, now: number): boolean {
    const since = this.#silent.get(address);
    return since !== undefined && now - since >= SILENT_MS;
  }

  /** Takes what chronyd measures. The name of a server that has been silent for long is due. */
  hear(servers: readonly { readonly source: string | undefined; readonly isReachable: boolean }[], now: number): void {
    for (const { source, isReachable } of servers) {
      if (source === undefined) continue;
      if (isReachable) this.#silent.delete(source);
      else if (!this.#silent.has(source)) this.#silent.set(source, now);
    }
    for (const [name, known] of this.#known) {
      if (known.vain === 0 && known.addresses.some((address) => this.#isSilent(address, now)))
        this.#known.set(name, { ...known, askAt: Math.min(known.askAt, now) });
    }
  }
} // prettier-ignore
