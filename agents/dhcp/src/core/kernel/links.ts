import { type Address, ARPHRD_ETHER, type Link } from '@kios/netlink';

import { STATIC } from './marks.ts';
import { isLeased, OURS } from './present.ts';

/** The links to serve: those named, or all that are hardware. */
export type Choice =
  | { readonly tag: 'auto'; readonly except: readonly string[] }
  | { readonly tag: 'named'; readonly names: readonly string[] };

/** Returns whether to serve the link. `isHardware` finds its device; bridges, tunnels and pods' veth ends have none. */
export function isCandidate(
  link: Link,
  choice: Choice,
  isHardware: (name: string) => boolean,
): boolean {
  if (choice.tag === 'named') return choice.names.includes(link.name);
  if (choice.except.includes(link.name)) return false;
  return link.type === ARPHRD_ETHER && link.master === undefined && isHardware(link.name);
}

const SCOPE_UNIVERSE = 0;
const KERNEL_ASKS = /^(?:dhcp|on|any|both)$/;

/** Returns the link's addresses of global scope that are neither leased nor the network file's. */
export function foreignAddresses(link: Link, addresses: readonly Address[]): Address[] {
  return addresses.filter(
    ({ ifindex, protocol, scope }) =>
      ifindex === link.index &&
      protocol !== OURS &&
      protocol !== STATIC &&
      scope === SCOPE_UNIVERSE,
  );
}

/**
 * Returns whether others have configured the link. One on which a lease of ours is in use, or `isKnown` from the files
 * of this boot, stays ours whatever others add to it.
 */
export function isOthers(link: Link, addresses: readonly Address[], isKnown: boolean): boolean {
  const isOurs = addresses.some((each) => each.ifindex === link.index && isLeased(each));
  return !isKnown && !isOurs && foreignAddresses(link, addresses).length > 0;
}

/** Returns whether the command line makes the kernel configure the link by DHCP: `ip=dhcp`, `ip=…:eth0:dhcp`. */
export function isKernelConfigured(commandLine: string, link: string): boolean {
  const words = commandLine.split(/\s+/).filter((word) => word.startsWith('ip='));
  return words.some((word) => {
    const fields = word.slice('ip='.length).split(':');
    const [method = '', device = ''] = fields.length === 1 ? fields : [fields[6], fields[5]];
    return KERNEL_ASKS.test(method) && (device === '' || device === link);
  });
}
