import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';

/** What a DHCP server shall hand out, whichever program it is. */
export interface DhcpSettings {
  /** Its own address, on `srv0` with a prefix of 24. */
  readonly address: string;
  /** First and last address to hand out. */
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
  /** An address for one client only. */
  readonly reserved?: { readonly mac: string; readonly address: string };
  /** Keeps its leases here, so that another one started later knows them. */
  readonly folder: string;
}

export const MESSAGES = ['discover', 'offer', 'request', 'ack', 'nak', 'decline'] as const;
export type Message = (typeof MESSAGES)[number];

/** What a server can be asked to show. */
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
  /** How its log tells that it received or sent a message; absent for what it does not log. */
  readonly log: Readonly<Partial<Record<Message, RegExp>>>;
  /** What this program cannot do, and why. */
  readonly cannot: Readonly<Partial<Record<Feature, string>>>;
  /** The shortest lease it grants. */
  readonly minLeaseSeconds: number;
  /** Ready to answer on `srv0` when this returns. Its log is the process's output. */
  start(netns: Netns, settings: DhcpSettings): Promise<RunningProcess>;
}

/** The folder with the servers of another system, as `kios test` names it. */
export function dhcpPeers(): string {
  const folder = process.env['KIOS_PEERS'];
  if (folder === undefined) throw new Error('find DHCP servers: ./kios test netns fetches them');
  return folder;
}
