import type { Dhcp6Choice } from '../../core/ra/mode.ts';

/** How one link is served with IPv6. */
export interface Options6 {
  readonly dhcp6: Dhcp6Choice;
  /** Whether name servers of DHCPv6 and of routers go into resolv.conf. */
  readonly dns: boolean;
  /** Orders the name servers of links. */
  readonly metric: number;
  readonly rapidCommit: boolean;
  /** File with the host's name and identity. */
  readonly hostFile: string;
}
