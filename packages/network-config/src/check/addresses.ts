import type { Path } from '../fault.ts';
import type { Link } from '../model/model.ts';
import { type Cidr, formatIp, parseCidr, parseIp, widthOf } from '../values/ip.ts';
import { type Context, pathTo, rawOf } from './context.ts';
import { isLoopback, whyNobody } from './nobody.ts';

const cidrOf = (text: string): Cidr => parseCidr(text) ?? { family: 4, value: 0n, prefix: 0 };

/** Says why a link cannot have an address. */
function unusable(address: Cidr, link: Link): string | undefined {
  if (isLoopback(address)) return link.id === 'lo' ? undefined : 'is an address of the loopback';
  const everywhere = address.prefix === 0 ? 'makes every address one of the link' : undefined;
  return whyNobody(address) ?? everywhere;
}

/** A resolver of the host itself may be on the loopback. */
function checkNameservers({ report }: Context, link: Link): void {
  for (const [at, server] of link.nameservers.entries()) {
    const ip = parseIp(server);
    const why = ip && whyNobody({ ...ip, prefix: widthOf(ip.family) });
    if (why !== undefined)
      report(
        pathTo(link, 'nameservers', 'addresses', at),
        `${why}: ${server}`,
        'Write the address of a server.',
      );
  }
}

function checkMtu({ report }: Context, link: Link): void {
  const { mtu, ipv6 } = link;
  if (mtu === undefined) return;
  const usesV6 =
    link.dhcp6 !== undefined ||
    link.acceptRa === true ||
    link.addresses.some(({ address }) => address.includes(':'));
  if (mtu < 1280 && usesV6)
    report(
      pathTo(link, 'mtu'),
      'is too small for IPv6',
      'Write 1280 or more, or remove what is IPv6.',
    );
  if (ipv6.mtu !== undefined && ipv6.mtu > mtu)
    report(pathTo(link, 'ipv6-mtu'), 'is above the mtu of the link', `Write ${mtu} or less.`);
}

/** MTU of a link as far as the file tells: DHCP may set another one. */
function mtuOf(link: Link | undefined): number | undefined {
  if (link === undefined) return undefined;
  if (link.mtu !== undefined) return link.mtu;
  return link.kind === 'ethernet' && link.dhcp4 === undefined ? 1500 : undefined;
}

function checkVlanMtu({ links, damaged, report }: Context, link: Link): void {
  if (link.kind !== 'vlan' || link.mtu === undefined || damaged.has(link.link)) return;
  const below = mtuOf(links.find(({ id }) => id === link.link));
  if (below !== undefined && link.mtu > below)
    report(
      pathTo(link, 'mtu'),
      `is above that of ${link.link}, which has ${below}`,
      `Write mtu: ${link.mtu} below ${link.link} too.`,
    );
}

function checkLoopback({ report }: Context, link: Link): void {
  if (link.kind !== 'ethernet' || link.match.name !== 'lo') return;
  for (const [key, value] of [
    ['dhcp4', link.dhcp4],
    ['dhcp6', link.dhcp6],
  ] as const)
    if (value !== undefined) report(pathTo(link, key), 'is set on the loopback', 'Remove it.');
}

/** DHCPv6 and announcements use the link-local address (RFC 8415, section 13.1; RFC 4861, section 6.3). */
function checkLinkLocal({ report, damaged }: Context, link: Link): void {
  if (link.linkLocal.ipv6 || damaged.has(`${link.id}.link-local`)) return;
  const needs = { dhcp6: link.dhcp6 !== undefined, 'accept-ra': link.acceptRa === true };
  for (const [key, isOn] of Object.entries(needs))
    if (isOn) report(pathTo(link, key), 'needs the link-local address', 'Add ipv6 to link-local.');
}

/** Position of an address in the list as it was written. */
function place(context: Context, link: Link, at: number): Path {
  const entry = rawOf(context, link).addresses?.[at];
  return pathTo(link, 'addresses', at, ...(typeof entry === 'object' ? Object.keys(entry) : []));
}

/** Checks addresses and MTUs. */
export function checkAddresses(context: Context): void {
  const taken = new Map<string, string>();
  for (const link of context.links) {
    checkMtu(context, link);
    checkVlanMtu(context, link);
    checkLoopback(context, link);
    checkLinkLocal(context, link);
    checkNameservers(context, link);
    for (const [at, { address, label }] of link.addresses.entries()) {
      const cidr = cidrOf(address);
      const path = place(context, link, at);
      if (label !== undefined && cidr.family === 6)
        context.report(
          [...path, 'label'],
          'is on an IPv6 address',
          'Remove it: only IPv4 has labels.',
        );
      const why = unusable(cidr, link);
      if (why !== undefined)
        context.report(path, `${why}: ${address}`, 'Write an address of a host.');
      const host = formatIp(cidr);
      const other = taken.get(host);
      if (other !== undefined)
        context.report(
          path,
          other === link.id
            ? `stands there twice: ${host}`
            : `is an address of ${other} too: ${host}`,
          'Keep it in one place.',
        );
      taken.set(host, link.id);
    }
  }
}
