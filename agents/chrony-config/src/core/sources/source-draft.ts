import { contains, parseCidr, parseIp } from '@kios/network-config/ip';

import { canonicalIp, isIpv6, unusable } from './address.ts';
import type { HypervisorClock } from './hypervisor-clock.ts';
import type { Entry, Origin, OriginInputs } from './origins.ts';
import { isSmeared } from './smear.ts';

/** Families of which the node has an address beyond its links. */
export interface Families {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** The node's own subnets, such as 192.0.2.1/24: they are reached in any case. */
  readonly subnets?: readonly string[];
}

export interface Inputs extends OriginInputs {
  /** The hypervisor's clock, where the machine has one. */
  readonly clock?: HypervisorClock | undefined;
  /** The addresses of host names resolved so far. */
  readonly resolved: ReadonlyMap<string, readonly string[]>;
  /**
   * Addresses, names of NTS servers and the hypervisor's clock (`CLOCK_ID`), as far as they are out of use because
   * their time was impossible.
   */
  readonly refused?: ReadonlySet<string>;
  /** Both without it. */
  readonly families?: Families;
}

/** What became of a server that an origin names. */
export interface Note {
  readonly origin: string;
  /** As the origin has it. */
  readonly host: string;
  readonly address?: string;
  readonly use: 'used' | 'waiting' | 'dropped';
  readonly why?: string;
  /** Nobody has to know of it: settings or another origin made it so. */
  readonly isExpected?: boolean;
}

/** A line of a source file. */
export interface Candidate {
  readonly origin: Origin;
  readonly entry: Entry;
  /** What the line names: an address, or the name of an NTS server. */
  readonly server: string;
  readonly isSmeared: boolean;
}

function isWithin(subnets: readonly string[], address: string): boolean {
  const ip = parseIp(address);
  const networks = subnets.flatMap((subnet) => parseCidr(subnet) ?? []);
  return ip !== undefined && networks.some((network) => contains(network, ip));
}

const MAX_PER_ORIGIN = 8;
export const REFUSED = 'its time was impossible';
const AT_MOST = `an origin gives at most ${MAX_PER_ORIGIN} sources`;

/** Collects the sources of one origin after another. */
export class SourceDraft {
  readonly candidates: Candidate[] = [];
  readonly notes: Note[] = [];
  readonly names = new Set<string>();
  /** Whether an NTS server is among the sources, or would be if its time were possible. */
  hasNts = false;
  readonly #inputs: Inputs;
  /** Server to the origin that gave it. */
  readonly #taken = new Map<string, string>();

  constructor(inputs: Inputs) {
    this.#inputs = inputs;
  }

  /** Adds what an origin gives. Returns whether it names a server that can be a source, now or at another time. */
  add(origin: Origin): boolean {
    const good = origin.entries.filter((entry) => this.#isGood(origin, entry));
    if (origin.off !== undefined) return false;
    this.hasNts ||= good.some(({ isNts }) => isNts);
    let given = 0;
    for (const [at, entry] of good.entries()) {
      if (given >= MAX_PER_ORIGIN) {
        this.#drop(origin, `${good.length - at} more`, AT_MOST);
        break;
      }
      given += this.#expand(origin, entry, MAX_PER_ORIGIN - given);
    }
    return good.some((entry) => !this.#isBeyond(origin, entry));
  }

  /** Returns whether a platform's server can never be a source: the node has only addresses of the other family. */
  #isBeyond({ kind }: Origin, { host }: Entry): boolean {
    const { ipv4, ipv6 } = this.#inputs.families ?? { ipv4: true, ipv6: true };
    const ip = canonicalIp(host);
    if (kind !== 'platform' || ip === undefined || ipv4 === ipv6) return false;
    return this.#familyFault(ip) !== undefined;
  }

  #isGood(origin: Origin, { host, fault }: Entry): boolean {
    if (origin.off !== undefined) this.#drop(origin, host, origin.off, { isExpected: true });
    else if (fault !== undefined) this.#drop(origin, host, fault);
    return fault === undefined;
  }

  #drop(origin: Origin, host: string, why: string, more: Partial<Note> = {}): void {
    this.notes.push({ origin: origin.name, host: host.slice(0, 80), use: 'dropped', why, ...more });
  }

  /** Adds the sources of one entry, and returns how many there are. A name without an address yet counts as one. */
  #expand(origin: Origin, entry: Entry, most: number): number {
    const ip = canonicalIp(entry.host);
    if (ip !== undefined) return this.#takeAddress(origin, entry, ip) ? 1 : 0;
    this.names.add(entry.host);
    const addresses = this.#inputs.resolved.get(entry.host) ?? [];
    // With NTS chronyd checks the name in the server's certificate, so it needs the name.
    if (entry.isNts) return this.#takeName(origin, entry, addresses) ? 1 : 0;
    if (addresses.length === 0) {
      const waiting = { use: 'waiting', why: 'its name has no known address yet' } as const;
      this.notes.push({ origin: origin.name, host: entry.host, ...waiting });
      return 1;
    }
    let given = 0;
    for (const address of addresses) {
      if (given >= most) this.#drop(origin, entry.host, AT_MOST, { address });
      else if (this.#takeAddress(origin, entry, address)) given++;
    }
    return given;
  }

  #takeName(origin: Origin, entry: Entry, addresses: readonly string[]): boolean {
    const all = [entry.host, ...addresses];
    const why = all.some((each) => this.#isRefused(each)) ? REFUSED : undefined;
    return this.#take(origin, entry, entry.host, why, all);
  }

  #takeAddress(origin: Origin, entry: Entry, address: string): boolean {
    const isGiven = canonicalIp(entry.host) === address;
    const isFixed = isGiven && origin.kind !== 'platform';
    const fault = isGiven ? undefined : unusable(address);
    if (fault !== undefined) {
      this.#drop(origin, entry.host, fault, addressOf(entry, address));
      return false;
    }
    const why = isFixed ? undefined : this.#familyFault(address);
    const refused = this.#isRefused(address) ? REFUSED : undefined;
    return this.#take(origin, entry, address, why ?? refused, [entry.host, address]);
  }

  #isRefused(server: string): boolean {
    return this.#inputs.refused?.has(server) === true;
  }

  /** `why` is what speaks against a server for the time being, and `all` what it is known by. */
  #take(
    origin: Origin,
    entry: Entry,
    server: string,
    why: string | undefined,
    all: readonly string[],
  ): boolean {
    const by = this.#taken.get(server);
    const fault = by === undefined ? why : `${by} names it already`;
    if (fault !== undefined) {
      const isExpected = by !== origin.name;
      this.#drop(origin, entry.host, fault, { ...addressOf(entry, server), isExpected });
      return false;
    }
    this.#taken.set(server, origin.name);
    const { platform = 'none' } = this.#inputs;
    const smeared = all.some((each) => isSmeared(each, platform));
    this.candidates.push({ origin, entry, server, isSmeared: smeared });
    return true;
  }

  #familyFault(address: string): string | undefined {
    const { families } = this.#inputs;
    if (families === undefined) return undefined;
    const [has, family] = isIpv6(address) ? [families.ipv6, 'IPv6'] : [families.ipv4, 'IPv4'];
    const isReached = has || isWithin(families.subnets ?? [], address);
    return isReached ? undefined : `the node has no ${family} address`;
  }
}

/** The address of a note, where it says more than the name. */
export const addressOf = ({ host }: Entry, server: string): { readonly address?: string } =>
  server === host ? {} : { address: server };
