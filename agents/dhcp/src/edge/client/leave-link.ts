import type { Link } from '@kios/netlink';

import { planRemoval } from '../../core/kernel/plan.ts';
import { applyChanges, readPresent } from '../kernel/apply.ts';
import type { ClientPorts } from './client-options.ts';

type Ports = Pick<ClientPorts, 'rtnetlink' | 'files' | 'log'>;

/** Removes a lease from a link that is no longer served, and from the files that others read. */
export async function leaveLink(link: Link, { rtnetlink, files, log }: Ports): Promise<void> {
  const present = await readPresent(rtnetlink, link.index);
  if (present !== undefined) {
    const changes = planRemoval(present);
    await applyChanges(rtnetlink, changes, link, log);
    if (changes.length > 0) log.info({ ev: 'lease.left', console: true, link: link.name });
  }
  if (files.hasRunning6(link.name)) {
    const { leaveLink6 } = await import('../v6/move6.ts');
    await leaveLink6(link, { rtnetlink, files, log });
  }
  await dropResolvers6(link.name, files);
  await files.withdraw(link.name);
}

/** Name servers of IPv6 come again from the routers of the link that is served next. */
async function dropResolvers6(link: string, files: Ports['files']): Promise<void> {
  await files.dropResolver(link, 'dhcp6');
  await files.dropResolver(link, 'routers');
}

/**
 * Moves a lease to another link with the same hardware address. The address is always on one of them, so connections go
 * on.
 */
export async function moveLease(
  from: Pick<Link, 'index' | 'name'>,
  to: Link,
  ports: Ports,
): Promise<void> {
  const { rtnetlink, files, log } = ports;
  const present = await readPresent(rtnetlink, from.index);
  const removal = present === undefined ? [] : planRemoval(present);
  for (const change of removal) {
    if (change.tag === 'delete-address')
      await rtnetlink.replaceAddress({ ...change.address, ifindex: to.index });
  }
  for (const change of removal) {
    if (change.tag === 'delete-route')
      await rtnetlink.replaceRoute({ ...change.route, ifindex: to.index });
  }
  if (files.hasRunning6(from.name)) {
    const { moveLease6 } = await import('../v6/move6.ts');
    await moveLease6(from, to, ports);
  }
  await files.move(from.name, to.name, to.mac);
  if (present !== undefined) await applyChanges(rtnetlink, removal, from, log);
  await dropResolvers6(from.name, files);
  log.info({ ev: 'lease.moved', console: true, link: to.name, from: from.name });
}
