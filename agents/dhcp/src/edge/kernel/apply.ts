import { readFileSync } from 'node:fs';

import type { Logger } from '@kios/agent';
import type { Link, Route, Rtnetlink } from '@kios/netlink';
import { isErrno } from '@kios/syscall';

import type { Change, Present } from '../../core/kernel/present.ts';

/**
 * Returns whether IPv6 is enabled on the link. One whose MTU is too small for IPv6 has no settings of its own, so the
 * default counts.
 */
function hasIpv6(link: string): boolean {
  for (const name of [link, 'default']) {
    try {
      const file = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
      return readFileSync(file, 'latin1').trim() !== '1';
    } catch {
      // Also without any IPv6 in the kernel.
    }
  }
  return false;
}

/** Reads the link, all addresses and all routes. Undefined when the link is gone. */
export async function readPresent(
  rtnetlink: Rtnetlink,
  index: number,
): Promise<Present | undefined> {
  const [links, addresses, routes] = [
    await rtnetlink.links(),
    await rtnetlink.addresses(),
    await rtnetlink.routes(),
  ];
  const link = links.find((each) => each.index === index);
  return link && { link, ipv6: hasIpv6(link.name), addresses, routes };
}

/** What the kernel refused. */
export interface Refused {
  readonly routes: readonly Route[];
  readonly mtu: boolean;
}

/** Applies changes in order. A route or an MTU that the kernel refuses is skipped, and returned. */
export async function applyChanges(
  rtnetlink: Rtnetlink,
  changes: readonly Change[],
  link: Pick<Link, 'name'>,
  log: Logger,
): Promise<Refused> {
  const routes: Route[] = [];
  let mtu = false;
  for (const change of changes) {
    const done = await applyChange(rtnetlink, change, link, log);
    if (done !== false) continue;
    if ('route' in change) routes.push(change.route);
    else mtu = true;
  }
  return { routes, mtu };
}

/** Returns false for a route or an MTU that is not there afterwards. */
async function applyChange(
  rtnetlink: Rtnetlink,
  change: Change,
  link: Pick<Link, 'name'>,
  log: Logger,
): Promise<boolean | void> {
  switch (change.tag) {
    case 'change-link':
      return changeLink(rtnetlink, change, link, log);
    case 'set-address':
      return rtnetlink.replaceAddress(change.address);
    case 'set-route':
      return setRoute(rtnetlink, change, link, log);
    case 'skip-route':
      log.warn({ ev: 'route.skip', link: link.name, dst: change.route.dst, why: change.why });
      return false;
    case 'delete-route':
      return unlessGone(rtnetlink.deleteRoute(change.route));
    case 'delete-address':
      return unlessGone(rtnetlink.deleteAddress(change.address));
  }
}

/** Some drivers, and links on top of others, refuse an MTU that the link itself would allow. */
async function changeLink(
  rtnetlink: Rtnetlink,
  { index, change }: Extract<Change, { tag: 'change-link' }>,
  link: Pick<Link, 'name'>,
  log: Logger,
): Promise<boolean> {
  const { mtu, ...others } = change;
  if (Object.keys(others).length > 0) await rtnetlink.changeLink(index, others);
  if (mtu === undefined) return true;
  try {
    await rtnetlink.changeLink(index, { mtu });
  } catch (err) {
    if (!isErrno(err, 'EINVAL', 'ERANGE', 'EOPNOTSUPP', 'EBUSY')) throw err;
    log.warn({ ev: 'degrade', link: link.name, step: 'mtu', mtu, err });
    return false;
  }
  log.info({ ev: 'mtu.set', link: link.name, mtu });
  return true;
}

async function setRoute(
  rtnetlink: Rtnetlink,
  { route, replaces }: Extract<Change, { tag: 'set-route' }>,
  link: Pick<Link, 'name'>,
  log: Logger,
): Promise<boolean> {
  try {
    await (replaces === true ? rtnetlink.replaceRoute(route) : rtnetlink.addRoute(route));
    return true;
  } catch (err) {
    // A link that others have just taken down has no routes. They come with its carrier.
    if (!isErrno(err, 'EEXIST', 'ENETUNREACH', 'EINVAL', 'EHOSTUNREACH', 'ENETDOWN')) throw err;
    log.warn({ ev: 'route.skip', link: link.name, dst: route.dst, via: route.via, err });
    return false;
  }
}

/** Ignores that the object is gone: an earlier deletion may have removed it too. */
async function unlessGone(deletion: Promise<void>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EADDRNOTAVAIL', 'ENOENT')) throw error;
  }
}
