/** Flags of addresses not to use (temporary, dadfailed, deprecated, tentative): include/uapi/linux/if_addr.h. */
const UNUSABLE = 0x01 | 0x08 | 0x20 | 0x40;
const GLOBAL_SCOPE = '00';
const GATEWAY = 0x02;
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

/** Returns the links with a default route, the preferred one first; `table` is the text of /proc/net/ipv6_route. */
function routedLinks(table: string): readonly string[] {
  return rows(table)
    .filter(([to, length]) => to === ANY && length === '00')
    .filter(([, , , , , , , , flags = '']) => (Number.parseInt(flags, 16) & GATEWAY) !== 0)
    .map(([, , , , , metric = '', , , , link = '']) => ({ link, metric }))
    .toSorted((a, b) => (a.metric < b.metric ? -1 : Number(a.metric > b.metric)))
    .map(({ link }) => link);
}

/** A DHCPv6 server gives one address, a router the prefix of many. */
const HOST_LENGTH = '80';

/**
 * Returns the address of the link of the default route, whoever gave it. Temporary addresses do not count; public ones
 * precede those of the site. Then one of `kept` is preferred, so that an address that comes later does not take the
 * place of the node's, and then that of a server, which may be reserved for the machine. The first two arguments are
 * the texts of /proc/net/if_inet6 and /proc/net/ipv6_route.
 */
export function routedAddress(
  addresses: string,
  routes: string,
  kept: readonly string[] = [],
): LinkAddress | undefined {
  const usable = rows(addresses).filter(
    ([, , , scope, flags = '']) =>
      scope === GLOBAL_SCOPE && (Number.parseInt(flags, 16) & UNUSABLE) === 0,
  );
  for (const link of routedLinks(routes)) {
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
