import { formatIpv4, parseIpv4 } from '@kios/bytes';

const toNumber = (address: string): number =>
  parseIpv4(address).reduce((number, byte) => number * 256 + byte, 0);

const fromNumber = (number: number): string =>
  formatIpv4(Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number));

const maskOf = (prefix: number): number => (prefix === 0 ? 0 : (~0 << (32 - prefix)) >>> 0);

/** Returns the prefix length of a netmask; undefined when its ones are not contiguous. */
export function prefixOfMask(mask: string): number | undefined {
  const number = toNumber(mask);
  const prefix = Math.clz32(~number >>> 0);
  return maskOf(prefix) === number ? prefix : undefined;
}

/** Returns the prefix length of the address's class, for servers that send no mask. */
export function classfulPrefix(address: string): number {
  const first = toNumber(address) >>> 24;
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}

export function isInPrefix(address: string, network: string, prefix: number): boolean {
  const mask = maskOf(prefix);
  return (toNumber(address) & mask) === (toNumber(network) & mask);
}

export const networkOf = (address: string, prefix: number): string =>
  fromNumber((toNumber(address) & maskOf(prefix)) >>> 0);

export function broadcastOf(address: string, prefix: number): string {
  return fromNumber((toNumber(address) | ~maskOf(prefix)) >>> 0);
}

/** Returns whether a host may use the address: unicast, in no special block, not its prefix's network or broadcast. */
export function isHostAddress(address: string, prefix: number): boolean {
  const number = toNumber(address);
  const first = number >>> 24;
  if (first === 0 || first === 127 || first >= 224) return false;
  if (prefix >= 31) return true;
  const host = (number & ~maskOf(prefix)) >>> 0;
  return host !== 0 && host !== ~maskOf(prefix) >>> 0;
}

/** An address of a network that exists only in documentation. RFC 5737. */
const NOBODYS = '192.0.2.1';

/**
 * Returns an address of the subnet that most likely no host has, or else one of nobody's network: a host that replies
 * for it replies for every address. The same addresses give the same result.
 */
export function unusedAddress(address: string, prefix: number, used: readonly string[]): string {
  const hosts = 2 ** (32 - prefix) - 2;
  const taken = new Set([address, ...used]);
  if (hosts <= taken.size) return NOBODYS;
  const network = (toNumber(address) & maskOf(prefix)) >>> 0;
  // Far from the address itself: pools hand out neighbouring ones.
  let at = (toNumber(address) - network + Math.floor(hosts / 2)) % hosts;
  while (taken.has(fromNumber(network + 1 + at))) at = (at + 1) % hosts;
  return fromNumber(network + 1 + at);
}

/** Returns the addresses that a host elsewhere can have, each once. */
export function usable(addresses: readonly string[] = []): string[] {
  return [...new Set(addresses)].filter((each) => isHostAddress(each, 32));
}

/** Returns whether a host can have it: one of the subnet may be neither the subnet's own nor its broadcast address. */
export const canBeHost = (each: string, address: string, prefix: number): boolean =>
  isHostAddress(each, isInPrefix(each, address, prefix) ? prefix : 32);
