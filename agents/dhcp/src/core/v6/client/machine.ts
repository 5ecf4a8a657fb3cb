import type { Millis } from '../../client/timing.ts';
import { type Message6, TYPE6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';
import { onConfirmed, onGrant, onSolicited, useAgain } from './acquiring.ts';
import { beginExchange, isExhausted, transmit } from './exchange.ts';
import {
  afterDecline,
  expire6,
  onDuplicate,
  onExtended,
  onRelease,
  startExtending,
} from './holding.ts';
import { onInformed } from './informing.ts';
import {
  type Event6,
  type Exchanging6,
  type ExchangeTag,
  isExchanging,
  type Memory6,
  type Mode,
  type Policy6,
  type State6,
  type Step6,
} from './model.ts';
import { rest, start, startOver } from './start.ts';
import { isMaxRt } from './timing.ts';

const SECOND = 1000;

/** Returns the next state and the effects to carry out. Pure: equal states and events give equal results. */
export function step6(state: State6, event: Event6, policy: Policy6): Step6 {
  const [valid, gone] = expire6(state, event);
  const [next, effects] = handle(valid, event, policy);
  return [next, [...gone, ...effects]];
}

/** When the client wants its next `timer`. Undefined while it waits for something else. */
export function wakeTime6(state: State6): Millis | undefined {
  const ends = state.memory.lease?.addresses.map(({ validUntil }) => validUntil) ?? [];
  const due = Math.min(state.wakeAt, ...ends);
  return due === Infinity ? undefined : due;
}

function handle(state: State6, event: Event6, policy: Policy6): Step6 {
  switch (event.tag) {
    case 'carrier':
      return [onCarrier(state, event.up, event), []];
    case 'mode':
      return [onMode(state, event.mode, event), []];
    case 'timer':
      return event.now >= state.wakeAt ? onTimer(state, event, policy) : [state, []];
    case 'reply':
      return onReply(state, event.message, event, policy);
    case 'duplicate':
      return onDuplicate(state, event.address, event, policy);
    case 'release':
      return onRelease(state, event, policy);
  }
}

/** Without a carrier nothing is sent. With one again the link may be another: a lease is confirmed. */
function onCarrier(state: State6, up: boolean, event: Event6): State6 {
  if (up === state.memory.carrier) return state;
  const memory = { ...state.memory, carrier: up };
  return up ? start(memory, event) : rest(memory);
}

/** A lease is kept whatever routers say: they may not all say the same. */
function onMode(state: State6, mode: Mode, event: Event6): State6 {
  if (mode === state.memory.mode) return state;
  const memory = { ...state.memory, mode };
  const busy = memory.lease !== undefined || state.tag === 'releasing' || state.tag === 'declining';
  return busy || !memory.carrier ? { ...state, memory } : start(memory, event);
}

function onTimer(state: State6, event: Event6, policy: Policy6): Step6 {
  const { memory } = state;
  if (isExchanging(state)) return onSilence(state, event, policy);
  if (state.tag === 'bound') return startExtending(memory, event, policy);
  const next = state.tag === 'resting' ? state.next : 'informing';
  return next === undefined ? [state, []] : beginExchange(next, memory, undefined, event, policy);
}

function onSilence(state: Exchanging6, event: Event6, policy: Policy6): Step6 {
  const { memory, offer } = state;
  if (state.tag === 'soliciting' && offer !== undefined) {
    return beginExchange('requesting', memory, offer, event, policy);
  }
  if (!isExhausted(state, event.now)) return transmit(state, event, policy);
  return giveUp(state, event, policy);
}

function giveUp(state: Exchanging6, event: Event6, policy: Policy6): Step6 {
  const { memory } = state;
  switch (state.tag) {
    case 'renewing':
      return startExtending(memory, event, policy);
    case 'confirming':
      // Without a reply the lease is used for as long as it was granted. RFC 8415 §18.2.3.
      return memory.lease ? useAgain(memory, memory.lease) : [start(memory, event), []];
    case 'declining':
      return [afterDecline(state, event), []];
    case 'releasing':
      return [rest(memory), []];
    case 'soliciting':
    case 'requesting':
    case 'rebinding':
    case 'informing':
      return [startOver(memory, event), []];
  }
}

type OnReply = (state: Exchanging6, message: Message6, event: Event6, policy: Policy6) => Step6;

const unchanged = (state: State6): Step6 => [state, []];

/** The reactions of each exchange to a server's message. */
const REPLIES: Readonly<Record<ExchangeTag, OnReply>> = {
  soliciting: onSolicited,
  requesting: (state, message, event, policy) =>
    isFromOffer(state, message) ? onGrant(state, message, event, policy) : unchanged(state),
  confirming: onConfirmed,
  renewing: onExtended,
  rebinding: onExtended,
  informing: onInformed,
  // Whatever the status is, the server has heard. RFC 8415 §18.2.10.2.
  declining: (state, { type }, event) =>
    type === TYPE6.reply ? [afterDecline(state, event), []] : unchanged(state),
  releasing: (state, { type }) =>
    type === TYPE6.reply ? [rest(state.memory), []] : unchanged(state),
};

/** Replies count only in the exchange under way. */
function onReply(state: State6, message: Message6, event: Event6, policy: Policy6): Step6 {
  if (!isExchanging(state) || message.transactionId !== state.exchange.transactionId) {
    return [state, []];
  }
  const heeded = { ...state, memory: withLimits(state.memory, message) };
  return REPLIES[state.tag](heeded, message, event, policy);
}

function isFromOffer({ offer }: Exchanging6, { options }: Message6): boolean {
  const server = options.get(OPTIONS6.serverId);
  return server !== undefined && offer?.server.join() === server.join();
}

/** SOL_MAX_RT and INF_MAX_RT count even in messages that offer nothing. RFC 8415 §18.2.9. */
function withLimits(memory: Memory6, { options }: Message6): Memory6 {
  return {
    ...memory,
    solMaxRt: maxRt(options.get(OPTIONS6.solMaxRt), memory.solMaxRt),
    infMaxRt: maxRt(options.get(OPTIONS6.infMaxRt), memory.infMaxRt),
  };
}

const maxRt = (seconds: number | undefined, known: Millis | undefined): Millis | undefined =>
  seconds !== undefined && isMaxRt(seconds) ? seconds * SECOND : known;
