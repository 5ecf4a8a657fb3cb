/** Flags of addresses not to use (temporary, dadfailed, deprecated, tentative): include/uapi/linux/if_addr.h. */
const UNUSABLE = 0x01 | 0x08 | 0x20 | 0x40;
const GLOBAL_SCOPE = '00';
const GATEWAY = 0x02;
/** RTF_ADDRCONF: made of an announcement. */
const ANNOUNCED = 0x0004_0000;
const ANY = '0'.repeat(32);

export interface LinkAddress {
  readonly link: string;
  readonly address: string;
}

/** Returns the RFC 5952 form of 32 hexadecimal digits. */
const canonical = (hex: string): string =>
  new URL(`http://[${hex.replaceAll(/(.{4})(?=.)/g, '$1:')}]/`).hostname.slice(1, -1);

/** Unique local addresses, RFC 4193: reachable within the site only. */
const isLocal = (hex: string): boolean => /^f[cd]/.test(hex);

/** Compares the first numbers that differ. */
const order = (a: readonly number[], b: readonly number[]): number =>
  a.map((each, at) => each - (b[at] ?? 0)).find((difference) => difference !== 0) ?? 0;

const rows = (table: string): readonly (readonly string[])[] =>
  table.split('\n').map((line) => line.trim().split(/\s+/));

/** A row of /proc/net/ipv6_route. */
type Route = readonly string[];

const has = ([, , , , , , , , flags = '']: Route, flag: number): boolean =>
  (Number.parseInt(flags, 16) & flag) !== 0;

const isDefault = (route: Route): boolean =>
  route[0] === ANY && route[1] === '00' && has(route, GATEWAY);

/** A prefix that a router has announced as being on the link. Those of bridges for pods are not. */
const isAnnounced = (route: Route): boolean => route[0] !== ANY && has(route, ANNOUNCED);

/** Returns the links of the routes, the preferred one first. */
const linksOf = (table: string, isWay: (route: Route) => boolean): readonly string[] =>
  rows(table)
    .filter(isWay)
    .map(([, , , , , metric = '', , , , link = '']) => ({ link, metric }))
    .toSorted((a, b) => (a.metric < b.metric ? -1 : Number(a.metric > b.metric)))
    .map(({ link }) => link);

/** A DHCPv6 server gives one address, a router the prefix of many. */
const HOST_LENGTH = '80';

/** Texts of /proc/net/if_inet6 and /proc/net/ipv6_route. */
export interface Tables {
  readonly addresses: string;
  readonly routes: string;
}

/**
 * Returns the address of the link of the default route, whoever gave it. Temporary addresses do not count; public ones
 * precede those of the site. Then one of `kept` is preferred, so that an address that comes later does not take the
 * place of the node's, and then that of a server, which may be reserved for the machine.
 */
export const routedAddress = (
  { addresses, routes }: Tables,
  kept: readonly string[] = [],
): LinkAddress | undefined => addressOf(linksOf(routes, isDefault), addresses, kept);

/** Returns the same of a link whose routers announce a prefix and, with a lifetime of 0, no way out. RFC 4861 §4.2. */
export const announcedAddress = (
  { addresses, routes }: Tables,
  kept: readonly string[] = [],
): LinkAddress | undefined => addressOf(linksOf(routes, isAnnounced), addresses, kept);

function addressOf(
  links: readonly string[],
  addresses: string,
  kept: readonly string[],
): LinkAddress | undefined {
  const usable = rows(addresses).filter(
    ([, , , scope, flags = '']) =>
      scope === GLOBAL_SCOPE && (Number.parseInt(flags, 16) & UNUSABLE) === 0,
  );
  for (const link of links) {
    const own = usable
      .filter((row) => row[5] === link)
      .map(([hex = '', , length]) => ({
        address: canonical(hex),
        rank: [isLocal(hex), !kept.includes(canonical(hex)), length !== HOST_LENGTH].map(Number),
      }));
    // The kernel lists them in no fixed order.
    const [first] = own.toSorted(
      (a, b) => order(a.rank, b.rank) || (a.address < b.address ? -1 : 1),
    );
    if (first !== undefined) return { link, address: first.address };
  }
  return undefined;
}
