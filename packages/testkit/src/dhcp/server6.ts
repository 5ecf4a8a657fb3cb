import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';

/** The configuration of a DHCPv6 server, independent of the program. */
export interface Dhcp6Settings {
  /** The network of `srv0`, which has the address `<network>::1`: `2001:db8:77`. */
  readonly network: string;
  /** Addresses and configuration, or configuration alone. */
  readonly stateful: boolean;
  /** A server that announces itself lets hosts make addresses of the prefix too. */
  readonly slaac: boolean;
  readonly rapidCommit: boolean;
  readonly validSeconds: number;
  readonly t1Seconds: number;
  readonly t2Seconds: number;
  readonly dns: readonly string[];
  readonly search: readonly string[];
  /** Servers of SNTP, of the servers that tests ask for them. */
  readonly ntp?: readonly string[];
  /** Folder of the leases, so that a later server knows them. */
  readonly folder: string;
}

export const MESSAGES6 = [
  'solicit',
  'request',
  'confirm',
  'renew',
  'rebind',
  'decline',
  'release',
  'information',
  'reply',
] as const;
export type Message6Name = (typeof MESSAGES6)[number];

export interface Dhcp6Server {
  readonly name: string;
  /** Log lines that say a message was received or sent. */
  readonly log: Readonly<Record<Message6Name, RegExp>>;
  /** Whether the server announces itself as a router too. */
  readonly announces: boolean;
  /** Seconds of the shortest lease that it grants. */
  readonly minValidSeconds: number;
  /** Why it cannot choose T1, where it cannot. */
  readonly cannotRenewSoon?: string;
  /** Starts it, ready on `srv0` when this returns. Its log is the process's output. */
  start(netns: Netns, settings: Dhcp6Settings): Promise<RunningProcess>;
}

/** First and last address of the pool. */
export const poolOf = ({ network }: Pick<Dhcp6Settings, 'network'>): readonly [string, string] => [
  `${network}::1000`,
  `${network}::1fff`,
];
