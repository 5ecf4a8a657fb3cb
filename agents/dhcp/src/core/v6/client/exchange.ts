import type { Millis } from '../../client/timing.ts';
import {
  type Event6,
  type Exchanging6,
  type ExchangeTag,
  type Memory6,
  type Offer6,
  type Policy6,
  type Step6,
} from './model.ts';
import { request6 } from './requests.ts';
import { firstGap, nextGap, type Retransmission, RETRANSMISSION } from './timing.ts';

/** Begins an exchange with its first message. */
export function beginExchange(
  tag: ExchangeTag,
  memory: Memory6,
  offer: Offer6 | undefined,
  event: Event6,
  policy: Policy6,
): Step6 {
  const exchange = {
    transactionId: event.transactionId,
    startedAt: event.now,
    attempt: 0,
    gap: 0,
  };
  return transmit({ tag, memory, exchange, offer, wakeAt: event.now }, event, policy);
}

/** Sends the message of the exchange, for the first time or again. RFC 8415 §15. */
export function transmit(state: Exchanging6, event: Event6, policy: Policy6): Step6 {
  const { exchange } = state;
  const rules = rulesOf(state);
  const gap =
    exchange.attempt === 0
      ? firstGap(rules, event.random, state.tag === 'soliciting')
      : nextGap(rules, exchange.gap, event.random);
  const wakeAt = Math.min(event.now + gap, deadlineOf(state));
  const sent = { ...state, exchange: { ...exchange, attempt: exchange.attempt + 1, gap }, wakeAt };
  return [sent, [{ tag: 'send', message: request6(state, policy, event.now) }]];
}

/** Returns whether the exchange has had all its messages, or all its time. */
export function isExhausted(state: Exchanging6, now: Millis): boolean {
  const { mostSent } = rulesOf(state);
  return state.exchange.attempt >= (mostSent ?? Infinity) || now >= deadlineOf(state);
}

function rulesOf({ tag, memory }: Exchanging6): Retransmission {
  const rules: Retransmission = RETRANSMISSION[tag];
  if (tag === 'soliciting' && memory.solMaxRt) return { ...rules, longest: memory.solMaxRt };
  if (tag === 'informing' && memory.infMaxRt) return { ...rules, longest: memory.infMaxRt };
  return rules;
}

/** A Renew is sent until T2. The end of a Rebind is that of the lease, which is an event of its own. */
function deadlineOf(state: Exchanging6): Millis {
  if (state.tag === 'renewing') return state.memory.lease?.t2At ?? Infinity;
  return state.exchange.startedAt + (rulesOf(state).mostTime ?? Infinity);
}
