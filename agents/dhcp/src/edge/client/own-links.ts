import type { Link } from '@kios/netlink';

import type { Surroundings } from '../../core/client/model.ts';

/** The links of this network namespace, served or not, and the addresses that clients hold on them. */
export class OwnLinks {
  readonly #macs = new Map<number, string>();
  readonly #holders = new Map<string, string>();

  /** Notes a link, or its new hardware address. */
  see({ index, mac }: Link): void {
    this.#macs.set(index, mac);
  }

  forget({ index }: Link): void {
    this.#macs.delete(index);
  }

  /** Notes all links. Those that are not among them are gone. */
  seeAll(links: readonly Link[]): void {
    this.#macs.clear();
    for (const link of links) this.see(link);
  }

  /** Notes that a link's client configures the address, before another one is granted it too. */
  claim(address: string, link: string): void {
    this.release(link);
    this.#holders.set(address, link);
  }

  release(link: string): void {
    for (const [address, holder] of this.#holders) {
      if (holder === link) this.#holders.delete(address);
    }
  }

  /** Returns what a link's client needs to know of the others. */
  around(link: string): Surroundings {
    const others = [...this.#holders].filter(([, holder]) => holder !== link);
    return { macs: new Set(this.#macs.values()), leased: new Map(others) };
  }
}
