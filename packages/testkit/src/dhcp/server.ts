import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';

/** The configuration of a DHCP server, independent of the program. */
export interface DhcpSettings {
  /** The server's address on `srv0`, with a prefix length of 24. */
  readonly address: string;
  /** First and last address of the pool. */
  readonly pool: readonly [first: string, last: string];
  readonly leaseSeconds: number;
  readonly t1Seconds: number;
  readonly t2Seconds: number;
  readonly router?: string;
  readonly dns?: readonly string[];
  readonly ntp?: readonly string[];
  readonly search?: readonly string[];
  /** Option 121. */
  readonly routes?: readonly (readonly [destination: string, via: string])[];
  readonly mtu?: number;
  /** An address reserved for one client. */
  readonly reserved?: { readonly mac: string; readonly address: string };
  /** Folder of the leases, so that a later server knows them. */
  readonly folder: string;
}

export const MESSAGES = ['discover', 'offer', 'request', 'ack', 'nak', 'decline'] as const;
export type Message = (typeof MESSAGES)[number];

/** A capability that a test needs from a server. */
export type Feature =
  | 'init'
  | 'init-reboot'
  | 'nak'
  | 'renew'
  | 'rebind'
  | 'expiry'
  | 'decline'
  | 'classless routes'
  | 'overload'
  | 'long search list';

export interface DhcpServer {
  readonly name: string;
  /** Log lines that say a message was received or sent; absent for messages that are not logged. */
  readonly log: Readonly<Partial<Record<Message, RegExp>>>;
  /** Features that this program lacks, with the reason. */
  readonly cannot: Readonly<Partial<Record<Feature, string>>>;
  /** Seconds of the shortest lease that it grants. */
  readonly minLeaseSeconds: number;
  /** Starts it, ready on `srv0` when this returns. Its log is the process's output. */
  start(netns: Netns, settings: DhcpSettings): Promise<RunningProcess>;
}

/** Returns the root folder of the system that has the servers, as `./kios test` names it. */
export function dhcpPeers(): string {
  const folder = process.env['KIOS_PEERS'];
  if (folder === undefined) throw new Error('find DHCP servers: ./kios test netns downloads them');
  return folder;
}
