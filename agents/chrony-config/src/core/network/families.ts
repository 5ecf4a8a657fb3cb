import type { Families } from '../sources/source-draft.ts';

/** An address of an interface of the node. */
export interface NodeAddress {
  readonly link: string;
  readonly family: string;
  readonly address: string;
  /** The address with the length of its subnet's prefix. */
  readonly cidr: string | null;
}

/** The kernel's tables of routes, `/proc/net/route` and `/proc/net/ipv6_route`. */
export interface RouteTables {
  readonly ipv4: string;
  readonly ipv6: string;
}

const RTF_REJECT = 0x200;

const rowsOf = (table: string): string[][] =>
  table.split('\n').map((line) => line.trim().split(/\s+/));

/** Returns the links of default routes: `Iface Destination Gateway Flags RefCnt Use Metric Mask …`. */
const defaults4 = (table: string): string[] =>
  rowsOf(table).flatMap(([link = '', destination, , , , , , mask]) =>
    destination === '00000000' && mask === '00000000' ? [link] : [],
  );

/** Returns the links of default routes: `destination length source length next-hop metric refcnt use flags link`. */
const defaults6 = (table: string): string[] =>
  rowsOf(table).flatMap((row) => {
    const [destination = '', length, flags = '', link = ''] = [row[0], row[1], row[8], row[9]];
    const isDefault = /^0{32}$/.test(destination) && length === '00';
    return isDefault && (Number.parseInt(flags, 16) & RTF_REJECT) === 0 ? [link] : [];
  });

/**
 * Returns the families by which time servers may be reached. Networks of pods have addresses too and lead nowhere else,
 * so only those count that are on a link with a default route; on a node without one, all of them.
 */
export function familiesOf(addresses: readonly NodeAddress[], tables: RouteTables): Families {
  const ways = new Set([...defaults4(tables.ipv4), ...defaults6(tables.ipv6)]);
  const usable = addresses.filter(
    ({ link, address }) => !/^fe[89ab]/i.test(address) && (ways.size === 0 || ways.has(link)),
  );
  const has = (family: string): boolean => usable.some((each) => each.family === family);
  return {
    ipv4: has('IPv4') || defaults4(tables.ipv4).length > 0,
    ipv6: has('IPv6') || defaults6(tables.ipv6).length > 0,
    subnets: addresses.flatMap(({ cidr }) => cidr ?? []),
  };
}
