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
  await files.withdraw(link.name);
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
  await files.move(from.name, to.name, to.mac);
  if (present !== undefined) await applyChanges(rtnetlink, removal, from, log);
  log.info({ ev: 'lease.moved', console: true, link: to.name, from: from.name });
}
