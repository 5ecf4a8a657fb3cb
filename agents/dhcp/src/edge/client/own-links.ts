import type { Link } from '@kios/netlink';

import type { Surroundings } from '../../core/client/model.ts';

/** The links of this network namespace, served or not, and the addresses that clients hold on them. */
export class OwnLinks {
  readonly #links = new Map<number, Link>();
  readonly #holders = new Map<string, string>();

  /** Notes a link, or what is new of it. */
  see(link: Link): void {
    this.#links.set(link.index, link);
  }

  forget({ index }: Link): void {
    this.#links.delete(index);
  }

  /** Returns the link as it was seen last. */
  get(index: number): Link | undefined {
    return this.#links.get(index);
  }

  /** Notes all links. Those that are not among them are gone. */
  seeAll(links: readonly Link[]): void {
    this.#links.clear();
    for (const link of links) this.see(link);
  }

  /**
   * Returns whether the network can be reached by the link. A bridge with a pod's port has a carrier without a cable,
   * so its uplinks decide: those given, or else the ports whose hardware address it has taken over.
   */
  hasCarrier(link: Link, uplinks?: readonly number[]): boolean {
    if (!isConnected(link)) return false;
    if (uplinks !== undefined) return uplinks.some((index) => isConnected(this.#links.get(index)));
    const ports = [...this.#links.values()].filter((each) => this.#isUplink(each, link));
    return ports.length === 0 || ports.some(isConnected);
  }

  /** A port of Open vSwitch is not below the host's own port, but beside it. */
  #isUplink({ index, mac, master }: Link, link: Link): boolean {
    if (index === link.index || mac !== link.mac || master === undefined) return false;
    return master === link.index || this.#links.get(master)?.kind === 'openvswitch';
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
    const macs = new Set([...this.#links.values()].map(({ mac }) => mac));
    return { macs, leased: new Map(others) };
  }
}

const isConnected = (link: Link | undefined): boolean => link?.up === true && link.carrier;
