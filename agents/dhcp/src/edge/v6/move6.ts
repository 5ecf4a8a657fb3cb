import { type Address, ADDRESS_FLAG, type Link, type Rtnetlink } from '@kios/netlink';
import { isErrno } from '@kios/syscall';

import { OURS } from '../../core/kernel/present.ts';
import type { ClientPorts } from '../client/client-options.ts';
import { LeaseFiles6 } from './lease-files6.ts';

type Ports = Pick<ClientPorts, 'rtnetlink' | 'files' | 'log'>;
type Named = Pick<Link, 'index' | 'name'>;

async function addressesOf(rtnetlink: Rtnetlink, { index }: Named): Promise<Address[]> {
  const all = await rtnetlink.addresses('ipv6');
  return all.filter(({ ifindex, protocol }) => ifindex === index && protocol === OURS);
}

async function remove(rtnetlink: Rtnetlink, addresses: readonly Address[]): Promise<void> {
  for (const address of addresses) {
    try {
      await rtnetlink.deleteAddress(address);
    } catch (error) {
      if (!isErrno(error, 'EADDRNOTAVAIL', 'ENODEV')) throw error;
    }
  }
}

/** Removes the addresses of DHCPv6 from a link that is no longer served, and from the files that others read. */
export async function leaveLink6(link: Link, { rtnetlink, files, log }: Ports): Promise<void> {
  await remove(rtnetlink, await addressesOf(rtnetlink, link));
  await new LeaseFiles6(link, files, log).withdraw();
}

/** Moves a lease of DHCPv6 to another link with the same hardware address, by which servers know it. */
export async function moveLease6(
  from: Named,
  to: Link,
  { rtnetlink, files, log }: Ports,
): Promise<void> {
  const addresses = await addressesOf(rtnetlink, from);
  for (const address of addresses) {
    const flags = ADDRESS_FLAG.noPrefixRoute;
    await rtnetlink.replaceAddress({ ...address, flags, ifindex: to.index });
  }
  await new LeaseFiles6({ name: from.name, mac: to.mac }, files, log).move(to.name);
  await remove(rtnetlink, addresses);
}
