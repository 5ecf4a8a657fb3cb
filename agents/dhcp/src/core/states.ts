import type { Lease } from './lease.ts';
import { INFINITE } from './lease.ts';
import type { DhcpMessage } from './message.ts';
import type { Reply } from './replies.ts';
import type { Identity } from './requests.ts';
import type { Millis } from './timing.ts';

const SECOND = 1000;

/** A lease in use: its address is in the kernel. */
export interface Held {
  readonly lease: Lease;
  /** When the request that it answers was sent: its times count from there. RFC 2131 §4.4.1. */
  readonly since: Millis;
}

const after = (held: Held, seconds: number): Millis | undefined =>
  seconds === INFINITE ? undefined : held.since + seconds * SECOND;

export const t1Of = (held: Held): Millis | undefined => after(held, held.lease.t1Seconds);
export const t2Of = (held: Held): Millis | undefined => after(held, held.lease.t2Seconds);
export const expiryOf = (held: Held): Millis | undefined => after(held, held.lease.leaseSeconds);

/** One exchange with servers. */
export interface Cycle {
  readonly xid: number;
  readonly startedAt: Millis;
}

/** What a client keeps over all its states. */
export interface Memory {
  readonly held: Held | undefined;
  /** Address to ask for first. */
  readonly hint: string | undefined;
  /** When the link got its carrier. */
  readonly upSince: Millis;
  /** Refusals in a row. */
  readonly naks: number;
  /** When to say again that an expired lease is kept; undefined while the lease is good. */
  readonly sayKeptAt: Millis | undefined;
}

interface InCycle extends Memory {
  readonly cycle: Cycle;
  readonly attempt: number;
  readonly wakeAt: Millis;
}

/** RFC 2131 figure 5, and `waiting` for a link without carrier. */
export type State =
  | (Memory & { readonly tag: 'waiting' })
  | (Memory & { readonly tag: 'init'; readonly wakeAt: Millis })
  | (InCycle & { readonly tag: 'rebooting'; readonly address: string })
  | (InCycle & { readonly tag: 'selecting'; readonly secs: number })
  | (InCycle & {
      readonly tag: 'requesting';
      readonly offer: Lease;
      readonly server: string;
      readonly secs: number;
      readonly requestedAt: Millis;
    })
  | Bound
  | Extending;

export type Bound = Memory & {
  readonly tag: 'bound';
  readonly held: Held;
  readonly wakeAt: Millis | undefined;
};

export type Extending = InCycle & {
  readonly tag: 'renewing' | 'rebinding';
  /** When it was asked last. Requests are a minute apart, so an answer is to the last one. */
  readonly requestedAt: Millis;
  readonly held: Held;
};

/** What happens to a client. Time and entropy come in with it. */
export type Event = Happening & {
  readonly now: Millis;
  readonly xid: number;
  /** In [0, 1). */
  readonly jitter: number;
};

export type Happening =
  | { readonly tag: 'carrier'; readonly up: boolean }
  | { readonly tag: 'timer' }
  | { readonly tag: 'reply'; readonly reply: Reply };

/** An order to the world. */
export type Effect =
  | {
      readonly tag: 'send';
      readonly message: DhcpMessage;
      /** Server to send to; undefined is everybody. */
      readonly target: string | undefined;
    }
  | {
      readonly tag: 'bind';
      readonly held: Held;
      readonly previous: Held | undefined;
    }
  | { readonly tag: 'unbind'; readonly held: Held }
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
}

export type Step = readonly [next: State, effects: readonly Effect[]];

export function report(
  level: 'info' | 'warn',
  ev: string,
  fields: Readonly<Record<string, unknown>>,
): Effect {
  return { tag: 'report', level, ev, fields };
}
