import { type Address, ARPHRD_ETHER, type Link } from '@kios/netlink';

import { OURS } from './plan.ts';

/** Which links to serve: those named, or all that are hardware. */
export type Choice =
  | { readonly tag: 'auto'; readonly except: readonly string[] }
  | { readonly tag: 'named'; readonly names: readonly string[] };

/** `isHardware` tells whether the link has a device behind it; bridges, tunnels and the ends of pods' cables have none. */
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

/** Addresses of more than local meaning that somebody else gave the link. */
export function foreignAddresses(link: Link, addresses: readonly Address[]): Address[] {
  return addresses.filter(
    ({ ifindex, protocol, scope }) =>
      ifindex === link.index && protocol !== OURS && scope === SCOPE_UNIVERSE,
  );
}

/** Whether the kernel was told on its command line to get an address for the link by DHCP: `ip=dhcp`, `ip=…:eth0:dhcp`. */
export function isKernelConfigured(commandLine: string, link: string): boolean {
  const words = commandLine.split(/\s+/).filter((word) => word.startsWith('ip='));
  return words.some((word) => {
    const fields = word.slice('ip='.length).split(':');
    const [method = '', device = ''] = fields.length === 1 ? fields : [fields[6], fields[5]];
    return KERNEL_ASKS.test(method) && (device === '' || device === link);
  });
}
