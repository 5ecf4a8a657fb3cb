import { broadcastOf, type Cidr, contains, networkOf, parseCidr, widthOf } from '../values/ip.ts';

const net = (text: string): Cidr => parseCidr(text) ?? { family: 4, value: 0n, prefix: 0 };
const LOOPBACK = [net('127.0.0.0/8'), net('::1/128')];
const GROUPS = [net('224.0.0.0/4'), net('ff00::/8')];
/** The last one holds IPv4 addresses in the form of IPv6, which no packet has. RFC 4291 §2.5.5.2. */
const NOWHERE = [net('0.0.0.0/8'), net('::/128'), net('240.0.0.0/4'), net('::ffff:0:0/96')];

const isIn = (networks: readonly Cidr[], address: Cidr): boolean =>
  networks.some((network) => contains(network, address));

export const isLoopback = (address: Cidr): boolean => isIn(LOOPBACK, address);

/** Says why no host of a network can have an address, the loopback's aside. */
export function whyNobody(address: Cidr): string | undefined {
  if (isIn(GROUPS, address)) return 'is the address of a group';
  if (isIn(NOWHERE, address)) return 'is no address of a host';
  // Networks of one or two addresses have none to spare (RFC 3021).
  if (address.family === 6 || address.prefix >= widthOf(4) - 1) return undefined;
  if (address.value === networkOf(address).value) return 'is the address of the network itself';
  return address.value === broadcastOf(address)
    ? 'is the broadcast address of its network'
    : undefined;
}
