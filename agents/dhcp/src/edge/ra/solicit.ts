import { parseIpv6 } from '@kios/bytes';
import type { Link } from '@kios/netlink';
import { inet6Address, openIcmp6 } from '@kios/syscall';

import { encodeSolicitation } from '../../core/ra/solicitation.ts';

const ROUTERS = parseIpv6('ff02::2');

/** Asks the routers of a link to announce themselves; the kernel hears their replies. */
export function solicit({ index, name, mac }: Link, linkLocal: string): void {
  using socket = openIcmp6({ address: parseIpv6(linkLocal), ifindex: index, device: name });
  socket.send(encodeSolicitation(mac), inet6Address(ROUTERS, 0, index));
}
