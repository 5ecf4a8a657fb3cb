import type { Millis } from '../../client/timing.ts';
import type { Lease6 } from '../lease/lease.ts';
import type { OtherConfig } from '../lease/other-config.ts';
import type { IaAddress } from '../wire/identity-association.ts';
import type { Message6 } from '../wire/message.ts';
import type { Identity6 } from './identity.ts';
import type { RETRANSMISSION } from './timing.ts';

/** What routers, or a setting, ask of the client: nothing, configuration alone (O flag), or addresses too (M flag). */
export type Mode = 'off' | 'stateless' | 'stateful';

/** The part of a state that a client carries from one state into the next. */
export interface Memory6 {
  readonly carrier: boolean;
  readonly mode: Mode;
  readonly lease: Lease6 | undefined;
  /** Longest gaps that a server set, in milliseconds. */
  readonly solMaxRt: Millis | undefined;
  readonly infMaxRt: Millis | undefined;
  /** Refusals in a row. */
  readonly failures: number;
  /** Duplicate addresses found since the client began. */
  readonly conflicts: number;
  /** Addresses that other hosts use. */
  readonly declined: readonly { readonly address: string; readonly until: Millis }[];
}

/** One exchange with servers. */
export interface Exchange6 {
  readonly transactionId: number;
  readonly startedAt: Millis;
  /** Messages sent. */
  readonly attempt: number;
  /** The wait that follows the last message. */
  readonly gap: Millis;
}

/** The addresses that a server offers, or that an exchange is about. */
export interface Offer6 {
  readonly server: Uint8Array;
  readonly preference: number;
  readonly addresses: readonly IaAddress[];
}

export type ExchangeTag = keyof typeof RETRANSMISSION;

/** Nothing is asked for, until `wakeAt` when there is a `next` exchange. */
export interface Resting {
  readonly tag: 'resting';
  readonly memory: Memory6;
  readonly next: 'soliciting' | 'confirming' | 'informing' | undefined;
  readonly wakeAt: Millis;
}

/** The lease is valid until T1, or the configuration until it is refreshed. */
export interface Settled {
  readonly tag: 'bound' | 'informed';
  readonly memory: Memory6;
  readonly wakeAt: Millis;
}

export interface Exchanging6 {
  readonly tag: ExchangeTag;
  readonly memory: Memory6;
  readonly exchange: Exchange6;
  readonly wakeAt: Millis;
  /** The best offer while soliciting; the addresses of a Request, Release or Decline with their server. */
  readonly offer: Offer6 | undefined;
}

export type State6 = Resting | Settled | Exchanging6;

export const isExchanging = (state: State6): state is Exchanging6 => 'exchange' in state;

/** One input to a client, with the time and the entropy that go with it. */
export type Event6 = Input6 & {
  readonly now: Millis;
  /** 24 bits. */
  readonly transactionId: number;
  /** In [0, 1). */
  readonly random: number;
};

export type Input6 =
  | { readonly tag: 'carrier'; readonly up: boolean }
  | { readonly tag: 'mode'; readonly mode: Mode }
  | { readonly tag: 'timer' }
  /** A message that `acceptReply6` passed. */
  | { readonly tag: 'reply'; readonly message: Message6 }
  /** Duplicate address detection of the kernel failed. */
  | { readonly tag: 'duplicate'; readonly address: string }
  | { readonly tag: 'release' };

/** An order that the edge carries out. Every message goes to all servers and relays, ff02::1:2. */
export type Effect6 =
  | { readonly tag: 'send'; readonly message: Message6 }
  | {
      readonly tag: 'bind';
      readonly lease: Lease6;
      readonly previous: Lease6 | undefined;
    }
  | { readonly tag: 'unbind'; readonly lease: Lease6 }
  /** Configuration without addresses has changed or was confirmed. */
  | { readonly tag: 'configure'; readonly config: OtherConfig }
  | {
      readonly tag: 'report';
      readonly level: 'info' | 'warn';
      readonly ev: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

export interface Policy6 {
  readonly identity: Identity6;
  readonly rapidCommit: boolean;
}

export type Step6 = readonly [next: State6, effects: readonly Effect6[]];

export const report6 = (
  level: 'info' | 'warn',
  ev: string,
  fields: Readonly<Record<string, unknown>>,
): Effect6 => ({ tag: 'report', level, ev, fields });
