import { type Address, ADDRESS_FLAG, familyOf } from '@kios/netlink';

import { STATIC } from '../../kernel/marks.ts';
import { OURS } from '../../kernel/present.ts';
import type { Lack, Part, Present, StaticLink } from './model.ts';
import { wantedAddresses } from './wanted.ts';

type AddressStep = Extract<Part['steps'][number], { readonly address: Address }>;

export interface AddressPart {
  readonly steps: readonly AddressStep[];
  /** Steps that take away what the file does not have. They come when routes no longer need it. */
  readonly deletions: readonly AddressStep[];
  readonly waiting: readonly Lack[];
  readonly obstacles: readonly Lack[];
}

/** Made by the kernel from the hardware address. IFAPROT_KERNEL_LL. */
const KERNEL_LINK_LOCAL = 3;

const isV6 = ({ address }: Address): boolean => familyOf(address) === 'ipv6';
const set = (address: Address): AddressStep => ({ tag: 'set-address', address });
const remove = (address: Address): AddressStep => ({ tag: 'delete-address', address });
const nameOf = ({ address, prefix }: Address): string => `address ${address}/${prefix}`;

/** An IPv6 address is on a link once, and an IPv4 address once with each prefix length. */
const isOne = (a: Address, b: Address): boolean =>
  a.ifindex === b.ifindex && a.address === b.address && (isV6(a) || a.prefix === b.prefix);

const isAsWanted = (there: Address, wanted: Address): boolean =>
  there.protocol === STATIC &&
  there.validSeconds === wanted.validSeconds &&
  there.preferredSeconds === wanted.preferredSeconds &&
  there.metric === wanted.metric;

const has = ({ flags = 0 }: Address, flag: number): boolean => (flags & flag) !== 0;

class AddressPlanner {
  readonly steps: AddressStep[] = [];
  readonly waiting: Lack[] = [];
  readonly obstacles: Lack[] = [];
  /** Links by the addresses that they have got. */
  readonly #given = new Map<string, string>();
  readonly #present: readonly Address[];

  constructor(present: readonly Address[]) {
    this.#present = present;
  }

  /** Plans one address, and returns whether it is the link's. */
  plan(wanted: Address, { settings, link }: StaticLink): boolean {
    const lack = (why: string): Lack => ({ link: link.name, what: nameOf(wanted), why });
    const other = this.#given.get(wanted.address);
    // A part of the file may match several cards.
    if (other !== undefined) {
      this.obstacles.push(lack(`${other} has it`));
      return false;
    }
    this.#given.set(wanted.address, link.name);
    const there = this.#present.find((each) => isOne(each, wanted));
    if (!link.up) this.waiting.push(lack('the link is down'));
    else if (isV6(wanted) && link.ipv6 === undefined)
      this.obstacles.push(lack('the link has no IPv6: is its MTU below 1280?'));
    else if (there === undefined) this.steps.push(set(wanted));
    else {
      const asksServer = isV6(wanted) ? settings.dhcp6 : settings.dhcp4;
      if (asksServer !== undefined && there.protocol === OURS)
        this.obstacles.push(lack('it is leased to this link'));
      else this.#adapt(there, wanted, lack);
    }
    return true;
  }

  #adapt(there: Address, wanted: Address, lack: (why: string) => Lack): void {
    const isOurs = there.protocol === STATIC;
    if (has(there, ADDRESS_FLAG.dadFailed))
      this.obstacles.push(lack('another host on the network has it'));
    const isRelabelled = wanted.label !== undefined && there.label !== wanted.label;
    // The kernel changes neither of an address that there is, and somebody else's is not taken away.
    if (there.prefix !== wanted.prefix || isRelabelled) {
      if (isOurs) this.steps.push(remove(there), set(wanted));
      else this.obstacles.push(lack('it is there with another prefix length or label'));
    } else if (!isAsWanted(there, wanted)) this.steps.push(set(wanted));
  }
}

/** Returns whether the file wants no link-local address where the kernel has made one. */
const isUnwantedLinkLocal = (address: Address, links: readonly StaticLink[]): boolean =>
  isV6(address) &&
  address.protocol === KERNEL_LINK_LOCAL &&
  links.some(({ link, settings }) => link.index === address.ifindex && !settings.linkLocal.ipv6);

/** Plans the addresses. One that somebody gave the link by hand becomes the file's without being taken away. */
export function planAddresses(links: readonly StaticLink[], { addresses }: Present): AddressPart {
  const planner = new AddressPlanner(addresses);
  const kept = links.flatMap((link) =>
    wantedAddresses(link).filter((wanted) => planner.plan(wanted, link)),
  );
  const deletions = addresses.filter(
    (address) =>
      (address.protocol === STATIC && !kept.some((wanted) => isOne(wanted, address))) ||
      (isUnwantedLinkLocal(address, links) && !kept.some((wanted) => isOne(wanted, address))),
  );
  const { steps, waiting, obstacles } = planner;
  return { steps, deletions: deletions.map(remove), waiting, obstacles };
}
