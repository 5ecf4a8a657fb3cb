import { type Address, ADDRESS_FLAG, familyOf, type Route } from '@kios/netlink';
import { contains, formatCidr, networkOf, parseIp } from '@kios/network-config/ip';

import type { AddressPart } from './addresses.ts';
import type { Present } from './model.ts';
import { cidrOf } from './wanted.ts';

/** RTPROT_KERNEL. */
const KERNEL = 2;
const LINK_LOCAL = cidrOf('fe80::/10');

type Steps = AddressPart['steps'];

const addressesOf = (steps: Steps, tag: Steps[number]['tag']): Address[] =>
  steps.filter((step) => step.tag === tag).map(({ address }) => address);

const has = ({ flags = 0 }: Address, flag: number): boolean => (flags & flag) !== 0;
const isV4 = ({ address }: Address): boolean => familyOf(address) === 'ipv4';
const isDefault = ({ dst }: Route): boolean => dst.endsWith('/0');

/** The addresses that routes stand on, before, during and after the steps. */
export class Ground {
  readonly #before: readonly Address[];
  readonly #after: readonly Address[];
  readonly #coming: readonly Address[];
  /** Taken away before the routes are set, and behind them. */
  readonly #early: readonly Address[];
  readonly #late: readonly Address[];

  /** Links that have no IPv4 address for a moment, and addresses that the node does not have for one. */
  readonly #flushed = new Set<number>();
  readonly #left = new Set<string>();

  constructor({ addresses }: Present, { steps, deletions }: AddressPart) {
    this.#before = addresses;
    this.#coming = addressesOf(steps, 'set-address');
    this.#early = addressesOf(steps, 'delete-address');
    this.#late = addressesOf(deletions, 'delete-address');
    const going = new Set([...this.#early, ...this.#late]);
    this.#after = [...addresses.filter((each) => !going.has(each)), ...this.#coming];
    this.#follow(steps);
  }

  /** Notes what the kernel drops routes for while the steps are carried out. */
  #follow(steps: Steps): void {
    let there = this.#before.filter(isV4);
    for (const { tag, address } of steps.filter((step) => isV4(step.address))) {
      if (tag === 'set-address') there.push(address);
      else there = there.filter((each) => each !== address);
      if (!there.some(({ ifindex }) => ifindex === address.ifindex))
        this.#flushed.add(address.ifindex);
      if (!there.some((each) => each.address === address.address)) this.#left.add(address.address);
    }
  }

  /** Returns whether a prefix of the link, or one of the given routes on it, leads to the gateway. */
  isReachable(via: string, ifindex: number, routes: readonly Route[]): boolean {
    const ip = parseIp(via);
    if (ip === undefined) return false;
    const prefixes = [
      ...this.#after
        .filter((each) => each.ifindex === ifindex && !has(each, ADDRESS_FLAG.noPrefixRoute))
        .map(({ address, prefix }) => `${address}/${prefix}`),
      ...routes
        .filter((each) => each.ifindex === ifindex && each.via === undefined && !isDefault(each))
        .filter((each) => !this.#goesWithAddress(each))
        .map(({ dst }) => dst),
    ];
    return contains(LINK_LOCAL, ip) || prefixes.some((prefix) => contains(cidrOf(prefix), ip));
  }

  /** Returns whether the kernel made the route with an address that goes. */
  #goesWithAddress({ protocol, ifindex, dst }: Route): boolean {
    const isOf = ({ ifindex: own, address, prefix }: Address): boolean =>
      own === ifindex && formatCidr(networkOf(cidrOf(`${address}/${prefix}`))) === dst;
    return protocol === KERNEL && [...this.#early, ...this.#late].some(isOf);
  }

  /** Returns whether the kernel takes it as a source. It takes an IPv6 address when no other host has replied. */
  isSource(address: string): boolean {
    const found = this.#after.filter((each) => each.address === address);
    if (familyOf(address) === 'ipv4') return found.length > 0;
    return (
      found.some((each) => this.#before.includes(each) && !has(each, ADDRESS_FLAG.tentative)) ||
      found.some((each) => this.#isSet(each))
    );
  }

  /** Returns whether an address that there is, and that is no longer tentative, only changes its lifetimes. */
  #isSet({ ifindex, address }: Address): boolean {
    const isIt = (each: Address): boolean => each.ifindex === ifindex && each.address === address;
    const before = this.#before.find(isIt);
    return before !== undefined && !has(before, ADDRESS_FLAG.tentative) && !this.#early.some(isIt);
  }

  /** Returns whether the kernel drops the route before it can be set: with its source, or its link's last address. */
  isDropped({ dst, ifindex, prefsrc }: Route): boolean {
    if (familyOf(dst) === 'ipv6' || ifindex === 0) return false;
    return this.#flushed.has(ifindex) || (prefsrc !== undefined && this.#left.has(prefsrc));
  }

  /** Returns whether the kernel drops the route after it is set, with its link's last address. */
  isDroppedLate({ dst, ifindex }: Route): boolean {
    if (familyOf(dst) === 'ipv6' || ifindex === 0) return false;
    const isOfLink = (each: Address): boolean => isV4(each) && each.ifindex === ifindex;
    return this.#late.some(isOfLink) && !this.#after.some(isOfLink);
  }
}
