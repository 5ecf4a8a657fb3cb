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

/**
 * Returns the address that a router gave the link of the default route. Temporary addresses do not count; public ones
 * precede those of the site. The arguments are the texts of /proc/net/if_inet6 and /proc/net/ipv6_route.
 */
export function routedAddress(addresses: string, routes: string): LinkAddress | undefined {
  const usable = rows(addresses).filter(
    ([, , , scope, flags = '']) =>
      scope === GLOBAL_SCOPE && (Number.parseInt(flags, 16) & UNUSABLE) === 0,
  );
  for (const link of routedLinks(routes)) {
    const own = usable.filter((row) => row[5] === link).map(([hex = '']) => hex);
    // The kernel lists them in no fixed order.
    const sorted = own.toSorted(
      (a, b) => Number(isLocal(a)) - Number(isLocal(b)) || (a < b ? -1 : 1),
    );
    if (sorted[0] !== undefined) return { link, address: canonical(sorted[0]) };
  }
  return undefined;
}
