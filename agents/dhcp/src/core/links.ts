import { type Address, ARPHRD_ETHER, type Link } from '@kios/netlink';

import { OURS } from './plan.ts';

/** Which links to serve: those named, or all that are hardware. */
export type Choice =
  | { readonly tag: 'auto' }
  | { readonly tag: 'named'; readonly names: readonly string[] };

/** `isHardware` tells whether the link has a device behind it; bridges, tunnels and the ends of pods' cables have none. */
export function isCandidate(
  link: Link,
  choice: Choice,
  isHardware: (name: string) => boolean,
): boolean {
  if (choice.tag === 'named') return choice.names.includes(link.name);
  return link.type === ARPHRD_ETHER && link.master === undefined && isHardware(link.name);
}

/** Whether somebody else gave the link an address of more than local meaning: then it is not ours to configure. */
export function isForeign(link: Link, addresses: readonly Address[]): boolean {
  const SCOPE_UNIVERSE = 0;
  return addresses.some(
    ({ ifindex, protocol, scope }) =>
      ifindex === link.index && protocol !== OURS && scope === SCOPE_UNIVERSE,
  );
}
