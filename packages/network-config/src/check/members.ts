import type { BondLink, BridgeLink, Link } from '../model/model.ts';
import { type Context, pathTo, rawOf } from './context.ts';

type Master = BondLink | BridgeLink;

const isLoopback = (link: Link): boolean =>
  link.kind === 'ethernet' && link.match.name === 'lo' && link.setName === undefined;

/** Says why a link cannot be a member of a bond or port of a bridge. */
function unfit(link: Link, master: Master): string | undefined {
  if (isLoopback(link)) return 'the loopback';
  if (link.kind === 'bridge')
    return master.kind === 'bridge' ? 'a bridge' : 'a bridge, which no bond takes';
  return link.kind === 'bond' && master.kind === 'bond' ? 'a bond' : undefined;
}

/** Settings that a member must leave to its master. */
function ownSettings(link: Link): string[] {
  return [
    ...(link.dhcp4 === undefined ? [] : ['dhcp4']),
    ...(link.dhcp6 === undefined ? [] : ['dhcp6']),
    ...(link.addresses.length === 0 ? [] : ['addresses']),
    ...(link.routes.length === 0 ? [] : ['routes']),
    ...(link.acceptRa === true ? ['accept-ra'] : []),
  ];
}

function checkMember(context: Context, master: Master, member: Link, index: number): void {
  const why = unfit(member, master);
  if (why !== undefined)
    context.report(
      pathTo(master, 'interfaces', index),
      `names ${why}: ${member.id}`,
      'Name a card, a VLAN, or for a bridge a bond.',
    );
  const raw = rawOf(context, member);
  for (const key of ownSettings(member)) {
    const written = key === 'routes' && member.routes.length > 0 && raw.routes === undefined;
    const from = raw.gateway4 === undefined ? 'gateway6' : 'gateway4';
    context.report(
      pathTo(member, written ? from : key),
      `is set on a link that is in ${master.id}`,
      `Move it to ${master.id}: a member's own addresses do not work.`,
    );
  }
}

/** Checks members of bonds and ports of bridges: each in one master, and without addresses of its own. */
export function checkMembers(context: Context): void {
  const byId = new Map(context.links.map((link) => [link.id, link]));
  const masters = new Map<string, string>();
  for (const master of context.links) {
    if (master.kind !== 'bond' && master.kind !== 'bridge') continue;
    for (const [index, id] of master.interfaces.entries()) {
      const other = masters.get(id);
      const path = pathTo(master, 'interfaces', index);
      if (other === master.id) context.report(path, `names ${id} twice`, 'Remove one of the two.');
      else if (other !== undefined)
        context.report(
          path,
          `names a link that is in ${other}: ${id}`,
          'Keep it in one of the two.',
        );
      masters.set(id, master.id);
      const member = byId.get(id);
      if (member !== undefined && other === undefined && member !== master)
        checkMember(context, master, member, index);
    }
  }
}
