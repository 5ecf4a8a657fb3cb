import { serverOf } from '../lease/lease.ts';
import { onRefusal, refuseIfDue, startSelecting } from './acquiring.ts';
import { onAck } from './granting.ts';
import {
  type Bound,
  type BoundLease,
  type Effect,
  type Event,
  expiryOf,
  type Extending,
  type Handlers,
  isHolding,
  type Memory,
  type Policy,
  report,
  reportDropped,
  type State,
  type Step,
  t2Of,
} from './model.ts';
import type { Reply } from './replies.ts';
import { renew } from './requests.ts';
import { type Millis, renewRetryAt } from './timing.ts';
import { startWatch, type Watch } from './watch.ts';

const SECOND = 1000;
/** Share of the time between T2 and the lease's end after which the operator is warned of the end. */
const WARN_AT = 0.75;

/** The lease is valid, and nothing is asked for until T1. */
export const BOUND: Handlers<Bound> = { timer: startExtending };

/** RENEWING asks the lease's server to extend the lease, REBINDING asks any server. */
export const EXTENDING: Handlers<Extending> = {
  timer: (state, event, policy) =>
    refuseIfDue(state, event, policy) ?? sendExtension(state, event, policy),
  ack: onAck,
  nak: onExtensionRefused,
};

function startExtending({ memory }: Bound, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  // Without a known server all are asked.
  const tag = memory.held.lease.server === undefined ? 'rebinding' : 'renewing';
  const base = { memory, cycle, attempt: 0, wakeAt: event.now, requestedAt: event.now };
  return sendExtension({ tag, ...base, warned: false, refusal: undefined }, event, policy);
}

function sendExtension(state: Extending, event: Event, policy: Policy): Step {
  const { cycle, attempt } = state;
  const { held } = state.memory;
  const t2 = t2Of(held) ?? Infinity;
  const expiry = expiryOf(held) ?? Infinity;
  const tag = event.now >= t2 ? 'rebinding' : state.tag;
  const secs = Math.floor((event.now - cycle.startedAt) / SECOND);
  // Unicasts without a reply say nothing about the options: the message stays as the server knows it.
  const exchange = { xid: cycle.xid, secs, degradeLevel: held.degradeLevel, broadcast: false };
  const message = renew(policy.identity, exchange, held.lease.address);
  const [warned, said] = warnOfEnd(state, event.now);
  const nextAt = renewRetryAt(event.now, tag === 'renewing' ? t2 : expiry);
  // Spreads nodes that lost one server over a second, or all would ask the others at once. RFC 2131 §4.4.5.
  const fuzz = tag === 'renewing' && nextAt === t2 ? event.jitter * SECOND : 0;
  const retryAt = Math.min(nextAt + fuzz, expiry);
  const wakeAt = warned ? retryAt : Math.min(retryAt, warnTime(held));
  const target = tag === 'renewing' ? held.lease.server : undefined;
  const sent = { ...state, tag, attempt: attempt + 1, requestedAt: event.now, wakeAt, warned };
  return [sent, [{ tag: 'send', message, target }, ...said]];
}

/** Warns once that the lease is about to end. */
function warnOfEnd(state: Extending, now: Millis): readonly [warned: boolean, effects: Effect[]] {
  const { held } = state.memory;
  if (state.warned || now < warnTime(held)) return [state.warned, []];
  const left = Math.round(((expiryOf(held) ?? now) - now) / SECOND);
  return [true, [report('warn', 'lease.expiring', { address: held.lease.address, left })]];
}

function warnTime(held: BoundLease): Millis {
  const [t2, expiry] = [t2Of(held), expiryOf(held)];
  return t2 === undefined || expiry === undefined ? Infinity : t2 + WARN_AT * (expiry - t2);
}

/** While renewing, only the lease's server may refuse. */
function onExtensionRefused(state: Extending, reply: Reply, event: Event, policy: Policy): Step {
  const { memory, tag } = state;
  const server = serverOf(reply.message, reply.source);
  if (tag === 'renewing' && server !== memory.held.lease.server) {
    return [state, [reportDropped(reply, 'not from the server of the lease')]];
  }
  return onRefusal(state, reply, event, policy);
}

/**
 * Ends the lease, in whatever state: as the policy says, the address goes, or stays while no other host turns out to
 * have it.
 */
export function expire(state: State, event: Event, policy: Policy): Step {
  const { held } = state.memory;
  if (held === undefined) return [state, []];
  const kept = policy.onExpire === 'keep';
  const memory: Memory = {
    ...state.memory,
    held: kept ? held : undefined,
    warnKeptAt: kept ? event.now : undefined,
    watch: watchAtEnd(state.memory, held, event, policy),
  };
  const gone: Effect[] = kept ? [] : [{ tag: 'unbind', held }];
  const { address } = held.lease;
  const said = report('warn', 'lease.expired', { address, policy: policy.onExpire });
  if (!isHolding(state)) return [{ ...state, memory }, [said, ...gone]];
  const [next, effects] = startSelecting(memory, event, policy);
  return [next, [said, ...gone, ...effects]];
}

/** An address is probed for before it is kept; a probe for another address that is under way goes on. */
function watchAtEnd(
  { watch }: Memory,
  { lease }: BoundLease,
  { now }: Event,
  { arp, onExpire }: Policy,
): Watch | undefined {
  if (watch !== undefined && watch.address !== lease.address) return watch;
  if (arp === 'none' || onExpire === 'drop') return undefined;
  return startWatch(lease.address, 'fast', now, 0);
}
