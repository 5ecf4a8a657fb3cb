import { type Address, ADDRESS_FLAG, type Link, type Rtnetlink } from '@kios/netlink';
import { isErrno } from '@kios/syscall';

import { type Address6, type Change6, planLease6 } from '../../core/v6/kernel/plan.ts';
import type { Lease6 } from '../../core/v6/lease/lease.ts';
import { bootTime } from '../kernel/clock.ts';

const UNIVERSE = 0;

/** Brings the IPv6 addresses of one link in line with its lease. */
export class Configurator6 {
  readonly #link: Link;
  readonly #rtnetlink: Rtnetlink;

  constructor(link: Link, rtnetlink: Rtnetlink) {
    this.#link = link;
    this.#rtnetlink = rtnetlink;
  }

  /** Returns the link's addresses of IPv6. */
  async look(): Promise<Address[]> {
    const all = await this.#rtnetlink.addresses('ipv6');
    return all.filter(({ ifindex }) => ifindex === this.#link.index);
  }

  /** Sets the lease's addresses and removes ours that are not in it. Returns the number of changes. */
  async apply(lease: Lease6 | undefined): Promise<number> {
    const present = (await this.look()).map(fromKernel);
    const changes = planLease6(lease, this.#link.index, present, bootTime());
    for (const change of changes) await this.#carryOut(change);
    return changes.length;
  }

  async #carryOut({ tag, address }: Change6): Promise<void> {
    if (tag === 'set-address') return this.#rtnetlink.replaceAddress(toKernel(address));
    try {
      await this.#rtnetlink.deleteAddress(toKernel(address));
    } catch (error) {
      // It ran out between the list and the deletion.
      if (!isErrno(error, 'EADDRNOTAVAIL', 'ENODEV')) throw error;
    }
  }
}

const fromKernel = (address: Address): Address6 => ({
  ifindex: address.ifindex,
  address: address.address,
  prefix: address.prefix,
  protocol: address.protocol,
  noPrefixRoute: ((address.flags ?? 0) & ADDRESS_FLAG.noPrefixRoute) !== 0,
  preferredSeconds: address.preferredSeconds,
  validSeconds: address.validSeconds,
});

const toKernel = ({ noPrefixRoute, ...address }: Address6): Address => ({
  ...address,
  scope: UNIVERSE,
  flags: noPrefixRoute ? ADDRESS_FLAG.noPrefixRoute : 0,
});
