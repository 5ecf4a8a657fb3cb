import { access } from 'node:fs/promises';

/** Only a kernel with IPv6 has the table of its addresses (proc_pid_net(5)). */
export const hasIpv6 = (): Promise<boolean> =>
  access('/proc/net/if_inet6').then(
    () => true,
    () => false,
  );
