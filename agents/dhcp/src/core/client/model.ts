import type { Lease } from '../lease/lease.ts';
import { INFINITE } from '../lease/lease.ts';
import type { ArpPacket } from '../wire/arp.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { Reply } from './replies.ts';
import type { Identity, DegradeLevel } from './requests.ts';
import type { Millis } from './timing.ts';
import type { Watch } from './watch.ts';

const SECOND = 1000;

/** A lease in use: its address is in the kernel. */
export interface BoundLease {
  readonly lease: Lease;
  /** When the request that it answers was sent: its times count from there. RFC 2131 §4.4.1. */
  readonly since: Millis;
  /** What was left out when it was asked for: the client identifier must be the same while it lasts. */
  readonly degradeLevel: DegradeLevel;
}

const after = (held: BoundLease, seconds: number): Millis | undefined =>
  seconds === INFINITE ? undefined : held.since + seconds * SECOND;

export const t1Of = (held: BoundLease): Millis | undefined => after(held, held.lease.t1Seconds);
export const t2Of = (held: BoundLease): Millis | undefined => after(held, held.lease.t2Seconds);
export const expiryOf = (held: BoundLease): Millis | undefined =>
  after(held, held.lease.leaseSeconds);

/** One exchange with servers. */
export interface Cycle {
  readonly xid: number;
  readonly startedAt: Millis;
}

/** What outlives leases: learnt of this network's servers and hosts. */
export interface NetworkMemory {
  /** Server of the last lease. */
  readonly server: string | undefined;
  /** Hardware address that its answers come from. */
  readonly serverMac: string | undefined;
  readonly degradeLevel: DegradeLevel;
  /** Rapid commit failed here: until then it is not tried. */
  readonly rapidOffUntil: Millis;
  /** Addresses that others use; offers of them are not taken. */
  readonly declined: readonly { readonly address: string; readonly until: Millis }[];
  /** Conflicts in a row. */
  readonly conflicts: number;
  /** Hardware address of the lease's gateway. */
  readonly gatewayMac: string | undefined;
}

export const UNKNOWN_NETWORK: NetworkMemory = {
  server: undefined,
  serverMac: undefined,
  degradeLevel: 0,
  rapidOffUntil: 0,
  declined: [],
  conflicts: 0,
  gatewayMac: undefined,
};

/** Putting back what others took from the kernel: when it is due, and when it was done last. */
export interface Repair {
  readonly dueAt: Millis | undefined;
  readonly doneAt: Millis;
}

/** What a client keeps over all its states. */
export interface Memory {
  readonly held: BoundLease | undefined;
  /** Address to ask for first. */
  readonly hint: string | undefined;
  /** When the link got its carrier. */
  readonly upSince: Millis;
  /** Refusals in a row. */
  readonly nakCount: number;
  /** When to say again that an expired lease is kept; undefined while the lease is good. */
  readonly warnKeptAt: Millis | undefined;
  readonly network: NetworkMemory;
  /** Conflict detection for the address that is held or promised. */
  readonly watch: Watch | undefined;
  readonly repair: Repair;
}

export const memoryOf = (memory: Memory): Memory => ({
  held: memory.held,
  hint: memory.hint,
  upSince: memory.upSince,
  nakCount: memory.nakCount,
  warnKeptAt: memory.warnKeptAt,
  network: memory.network,
  watch: memory.watch,
  repair: memory.repair,
});

interface InCycle extends Memory {
  readonly cycle: Cycle;
  readonly attempt: number;
  readonly wakeAt: Millis;
}

/** A server's promise. */
export interface Offer {
  readonly lease: Lease;
  readonly server: string;
}

/** RFC 2131 figure 5, `waiting` for a link without carrier, and `probing` before an address is used. */
export type State =
  | (Memory & { readonly tag: 'waiting' })
  | (Memory & { readonly tag: 'init'; readonly wakeAt: Millis })
  | Rebooting
  | Selecting
  | Requesting
  | (Memory & {
      readonly tag: 'probing';
      readonly candidate: BoundLease;
      readonly wakeAt: undefined;
    })
  | Bound
  | Extending;

export type Rebooting = InCycle & {
  readonly tag: 'rebooting';
  readonly address: string;
  /** The gateway answered as it did before: this is the same network. RFC 4436. */
  readonly sameNetwork: boolean;
};

export type Selecting = InCycle & {
  readonly tag: 'selecting';
  readonly secs: number;
  /** A DISCOVER of this exchange asked for rapid commit. */
  readonly rapidAsked: boolean;
  /** The best so far, while the window for offers is open. */
  readonly offer: Offer | undefined;
};

export type Requesting = InCycle & {
  readonly tag: 'requesting';
  readonly offer: Offer;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly rapidAsked: boolean;
  readonly requestedAt: Millis;
};

export type Bound = Memory & {
  readonly tag: 'bound';
  readonly held: BoundLease;
  readonly wakeAt: Millis | undefined;
};

export type Extending = InCycle & {
  readonly tag: 'renewing' | 'rebinding';
  /** When it was asked last. Requests are a minute apart, so an answer is to the last one. */
  readonly requestedAt: Millis;
  readonly held: BoundLease;
  /** It was said that the lease is about to end. */
  readonly warned: boolean;
};

/** Whether the lease runs and nothing else is asked for. */
export const isHolding = (state: State): state is Bound | Extending =>
  state.tag === 'bound' || isExtending(state);

export const isExtending = (state: State): state is Extending =>
  state.tag === 'renewing' || state.tag === 'rebinding';

/** What happens to a client. Time and entropy come in with it. */
export type Event = Input & {
  readonly now: Millis;
  readonly xid: number;
  /** In [0, 1). */
  readonly jitter: number;
};

export type Input =
  | { readonly tag: 'carrier'; readonly up: boolean }
  | { readonly tag: 'timer' }
  | { readonly tag: 'reply'; readonly reply: Reply }
  | { readonly tag: 'arp'; readonly packet: ArpPacket }
  /** Something of ours is gone from the kernel. */
  | { readonly tag: 'disturbed' };

/** An order to the world. */
export type Effect =
  | {
      readonly tag: 'send';
      readonly message: DhcpMessage;
      /** Server to send to; undefined is everybody. */
      readonly target: string | undefined;
    }
  | { readonly tag: 'arp'; readonly packet: ArpPacket }
  | {
      readonly tag: 'bind';
      readonly held: BoundLease;
      readonly previous: BoundLease | undefined;
    }
  | { readonly tag: 'unbind'; readonly held: BoundLease }
  /** Compare the kernel with the lease, and put back what is missing. */
  | { readonly tag: 'repair'; readonly held: BoundLease }
  /** What is known beside the lease has changed. */
  | { readonly tag: 'remember'; readonly held: BoundLease }
  /** The network wants no IPv4 of us. RFC 8925. */
  | { readonly tag: 'stand-down' }
  | {
      readonly tag: 'report';
      readonly level: 'info' | 'warn';
      readonly ev: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

export interface Policy {
  readonly identity: Identity;
  /** What becomes of an address whose lease ran out with no server in reach. */
  readonly onExpire: 'keep' | 'drop';
  /** Conflict detection: before an address is used, while it is used already, or not at all. */
  readonly arp: 'full' | 'fast' | 'none';
  readonly rapidCommit: boolean;
  /** Always ask for broadcast answers. */
  readonly broadcast: boolean;
  /** How long to collect offers; 0 takes the first. */
  readonly offerWindow: Millis;
  /** Longest random wait before the first message on a link. */
  readonly startupJitter: Millis;
  /** Give IPv4 up where the network says that it needs none. RFC 8925. */
  readonly ipv6Mostly: boolean;
  /** All knowing deviations from the RFCs off. */
  readonly strict: boolean;
}

export type Step = readonly [next: State, effects: readonly Effect[]];

export function report(
  level: 'info' | 'warn',
  ev: string,
  fields: Readonly<Record<string, unknown>>,
): Effect {
  return { tag: 'report', level, ev, fields };
}
