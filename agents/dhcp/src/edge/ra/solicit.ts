import type { Logger } from '@kios/agent';
import { parseIpv6 } from '@kios/bytes';
import type { Link } from '@kios/netlink';
import { inet6Address, openIcmp6 } from '@kios/syscall';

import { encodeSolicitation } from '../../core/ra/solicitation.ts';
import { attemptSend } from '../sockets/attempt-send.ts';

const ROUTERS = parseIpv6('ff02::2');

/** Asks the routers of a link to announce themselves; the kernel hears their replies. What fails is logged. */
export function solicit({ index, name, mac }: Link, linkLocal: string, log: Logger): void {
  const send = (): void => {
    using socket = openIcmp6({ address: parseIpv6(linkLocal), ifindex: index, device: name });
    socket.send(encodeSolicitation(mac), inet6Address(ROUTERS, 0, index));
  };
  if (attemptSend(send, log, { link: name }))
    log.debug({ ev: 'tx', link: name, type: 'router solicitation' });
}
