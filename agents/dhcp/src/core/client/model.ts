import { INFINITE, type Lease } from '../lease/lease.ts';
import type { SettingsOf } from '../settings/settings.ts';
import type { ArpPacket } from '../wire/arp.ts';
import type { DhcpMessage } from '../wire/message.ts';
import type { Reply } from './replies.ts';
import type { DegradeLevel, Identity } from './requests.ts';
import type { Millis } from './timing.ts';
import type { Watch } from './watch.ts';

const SECOND = 1000;

/** A lease in use: its address is in the kernel. */
export interface BoundLease {
  readonly lease: Lease;
  /** When the granted request was sent: the lease's times count from there. RFC 2131 §4.4.1. */
  readonly since: Millis;
  /** How its request was degraded: the client identifier must stay the same while the lease lasts. */
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

/** Facts about this network's servers and hosts. They outlive leases. */
export interface NetworkMemory {
  /** Server of the last lease. */
  readonly server: string | undefined;
  /** Hardware address that its replies come from. */
  readonly serverMac: string | undefined;
  readonly degradeLevel: DegradeLevel;
  /** No rapid commit is tried before this time, because it failed here. */
  readonly rapidOffUntil: Millis;
  /** Addresses that other hosts use; offers of them are not taken. */
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

/** Returns whether another host was seen with the address a short while ago. */
export const isDeclined = ({ declined }: NetworkMemory, address: string, now: Millis): boolean =>
  declined.some((each) => each.address === address && now < each.until);

/** The times of the next and of the last repair of addresses and routes that others removed from the kernel. */
export interface Repair {
  readonly dueAt: Millis | undefined;
  readonly doneAt: Millis;
}

/** The part of a state that a client carries from one state into the next. */
export interface Memory {
  readonly held: BoundLease | undefined;
  /** Address to ask for first. */
  readonly hint: string | undefined;
  /** When the link got its carrier. */
  readonly upSince: Millis;
  /** Refusals in a row. */
  readonly nakCount: number;
  /** When to warn again that an expired lease is kept; undefined while the lease is valid. */
  readonly warnKeptAt: Millis | undefined;
  readonly network: NetworkMemory;
  /** Conflict detection for the address that is held or offered. */
  readonly watch: Watch | undefined;
  /** The gateway was asked for its hardware address and has not replied. What it says unasked is not written down. */
  readonly gatewayAsked: boolean;
  readonly repair: Repair;
}

/** The memory of a client whose lease is valid. */
export interface Holding extends Memory {
  readonly held: BoundLease;
}

/** A lease that a server offers. */
export interface Offer {
  readonly lease: Lease;
  /** Undefined when the server does not say who it is. */
  readonly server: string | undefined;
  readonly reply: Reply;
}

/**
 * The states of RFC 2131 figure 5. `waiting` is added for a link without a carrier, `probing` for an address that is
 * granted but not used yet.
 */
export type State =
  | Waiting
  | Init
  | Rebooting
  | Selecting
  | Requesting
  | Probing
  | Bound
  | Extending;

export interface Waiting {
  readonly tag: 'waiting';
  readonly memory: Memory;
}

export interface Init {
  readonly tag: 'init';
  readonly memory: Memory;
  readonly wakeAt: Millis;
}

/** The refusal of a server that does not hold the lease, which counts unless the server that does grants it at once. */
export type Refusal = Reply | undefined;

interface InExchange {
  readonly memory: Memory;
  readonly cycle: Cycle;
  /** Messages sent in this state. */
  readonly attempt: number;
  readonly wakeAt: Millis;
}

export interface Rebooting extends InExchange {
  readonly tag: 'rebooting';
  readonly address: string;
  /** The gateway replied with the hardware address it had before: this is the same network. RFC 4436. */
  readonly sameNetwork: boolean;
  readonly refusal: Refusal;
}

export interface Selecting extends InExchange {
  readonly tag: 'selecting';
  readonly secs: number;
  /** A DISCOVER of this exchange asked for rapid commit. */
  readonly rapidAsked: boolean;
  /** A server replied in this exchange, even if nothing usable. */
  readonly answered: boolean;
  /** The best offer so far, while the window for offers is open. */
  readonly offer: Offer | undefined;
}

export interface Requesting extends InExchange {
  readonly tag: 'requesting';
  readonly offer: Offer;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly rapidAsked: boolean;
  readonly requestedAt: Millis;
}

export interface Probing {
  readonly tag: 'probing';
  readonly memory: Memory;
  readonly candidate: BoundLease;
}

export interface Bound {
  readonly tag: 'bound';
  readonly memory: Holding;
  readonly wakeAt: Millis | undefined;
}

export interface Extending extends InExchange {
  readonly tag: 'renewing' | 'rebinding';
  readonly memory: Holding;
  /** When the last request was sent. Requests are a minute apart, so a reply belongs to the last one. */
  readonly requestedAt: Millis;
  /** The operator was warned that the lease is about to end. */
  readonly warned: boolean;
  readonly refusal: Refusal;
}

/** The states with an exchange under way: replies count only here. */
export type Exchanging = Rebooting | Selecting | Requesting | Extending;

/** Returns whether the lease is valid and no other one is being asked for. */
export const isHolding = (state: State): state is Bound | Extending =>
  state.tag === 'bound' || state.tag === 'renewing' || state.tag === 'rebinding';

/** The same state with changes to its memory. The lease itself changes only with the state. */
export const withMemory = <S extends State>(
  state: S,
  changes: Partial<Omit<Memory, 'held'>>,
): S => ({
  ...state,
  memory: { ...state.memory, ...changes },
});

/** One input to a client, with the time and the entropy that go with it. */
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
  /** An address or route of ours is gone from the kernel. */
  | { readonly tag: 'disturbed' };

/** An order that the edge carries out. */
export type Effect =
  | {
      readonly tag: 'send';
      readonly message: DhcpMessage;
      /** Server to send to; undefined broadcasts. */
      readonly target: string | undefined;
    }
  | { readonly tag: 'arp'; readonly packet: ArpPacket }
  | {
      readonly tag: 'bind';
      readonly held: BoundLease;
      readonly previous: BoundLease | undefined;
    }
  | { readonly tag: 'unbind'; readonly held: BoundLease }
  /** Compare the kernel with the lease, and restore missing addresses and routes. */
  | { readonly tag: 'repair'; readonly held: BoundLease }
  /** Write the lease's files again: a fact beside the lease has changed. */
  | { readonly tag: 'remember'; readonly held: BoundLease }
  /** The network asks clients to do without IPv4. RFC 8925. */
  | { readonly tag: 'stand-down' }
  | {
      readonly tag: 'report';
      readonly level: 'info' | 'warn';
      readonly ev: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

/** Facts about all links of the machine. They change while a client runs. */
export interface Surroundings {
  /** Hardware addresses of the links: ARP from one of them is not another host's. */
  readonly macs: ReadonlySet<string>;
  /** Links that hold a lease, by its address. */
  readonly leased: ReadonlyMap<string, string>;
}

/** The settings that the state machine heeds, the client's identity and what is around its link. */
export interface Policy extends SettingsOf<'client'> {
  readonly identity: Identity;
  /** Undefined when the machine has no other link. */
  readonly surroundings?: Surroundings;
}

export type Step = readonly [next: State, effects: readonly Effect[]];

/**
 * The reactions that differ between states; an input without a handler leaves the state as it is. Methods, not
 * properties, so that one table can hold the handlers of all states.
 */
export interface Handlers<S extends State> {
  /** The link gets its carrier. */
  carrier?(state: S, event: Event, policy: Policy): Step;
  /** The state's `wakeAt` has come. */
  timer?(state: S, event: Event, policy: Policy): Step;
  offer?(state: S, reply: Reply, event: Event, policy: Policy): Step;
  ack?(state: S, reply: Reply, event: Event, policy: Policy): Step;
  nak?(state: S, reply: Reply, event: Event, policy: Policy): Step;
}

export function report(
  level: 'info' | 'warn',
  ev: string,
  fields: Readonly<Record<string, unknown>>,
): Effect {
  return { tag: 'report', level, ev, fields };
}

/** The event of a dropped reply, which the edge must not log as often as anybody sends one. */
export const RX_DROP = 'rx.drop';

export const reportDropped = ({ kind, source }: Reply, why: string): Effect =>
  report('warn', RX_DROP, { why, kind, from: source });
