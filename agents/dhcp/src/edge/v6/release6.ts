import type { Link } from '@kios/netlink';

import type { ClientOptions, ClientPorts } from '../client/client-options.ts';
import { Configurator6 } from './configurator6.ts';
import { Dhcp6 } from './dhcp6.ts';
import { isUsableLinkLocal } from './link-local.ts';

/** Gives the addresses of DHCPv6 back and forgets them. The message is sent once, as that of IPv4. */
export async function release6(
  link: Link,
  { ipv6, plan, readName, hostFile }: ClientOptions,
  ports: ClientPorts,
  signal: AbortSignal,
): Promise<void> {
  const names = { metric: plan.metric, readName: () => readName().hostname, hostFile };
  const options = { ...ipv6, dhcp6: 'always' as const, ...names };
  using dhcp = await Dhcp6.open(link, options, ports, () => undefined, signal);
  const addresses = await new Configurator6(link, ports.rtnetlink).look();
  await dhcp.setLinkLocal(addresses.find(isUsableLinkLocal)?.address);
  await dhcp.release();
}
