import { type Lease, readLease } from '../lease/lease.ts';
import { OPTIONS } from '../wire/options.ts';
import {
  reportDropped,
  ipv6OnlyWait,
  standDown,
  startSelecting,
  withoutRapid,
} from './acquiring.ts';
import { isRefused, watchFor } from './conflict.ts';
import {
  type Bound,
  type Effect,
  type Event,
  expiryOf,
  type Extending,
  type BoundLease,
  isExtending,
  isHolding,
  type NetworkMemory,
  type Memory,
  memoryOf,
  type Policy,
  type Rebooting,
  report,
  type Requesting,
  type Selecting,
  type State,
  type Step,
  t1Of,
  t2Of,
} from './model.ts';
import type { Reply } from './replies.ts';
import { renew } from './requests.ts';
import { type Millis, renewRetryAt } from './timing.ts';
import { startWatch, type Watch } from './watch.ts';

const SECOND = 1000;
/** Between T2 and the end of the lease, when an operator is told that it is about to end. */
const WARN_AT = 0.75;

/** A lease that is in the kernel from here on, or was already. */
export function boundWith(held: BoundLease, memory: Memory, event: Event): Bound {
  const t1 = t1Of(held);
  // A second either way keeps nodes that booted together from renewing together.
  const wakeAt = t1 && Math.max(held.since + SECOND, t1 + (event.jitter * 2 - 1) * SECOND);
  const kept = { held, hint: held.lease.address, nakCount: 0, warnKeptAt: undefined };
  return { ...memoryOf(memory), ...kept, tag: 'bound', network: networkFrom(held, memory), wakeAt };
}

function networkFrom(
  { lease, degradeLevel }: BoundLease,
  { held, network }: Memory,
): NetworkMemory {
  const sameGateway = held?.lease.gateways[0] === lease.gateways[0];
  return {
    ...network,
    degradeLevel,
    server: lease.server,
    gatewayMac: sameGateway ? network.gatewayMac : undefined,
  };
}

/** An ACK in SELECTING counts only as the answer to a rapid commit. RFC 4039 §3.1. */
export function onAck(
  state: Rebooting | Selecting | Requesting | Extending,
  reply: Reply,
  event: Event,
  policy: Policy,
): Step {
  const granted = readLease(reply.message, reply.source);
  if ('refused' in granted) return [state, [reportDropped(reply, granted.refused)]];
  const { lease } = granted;
  const committed = reply.message.options.get(OPTIONS.rapidCommit) === true;
  if (state.tag === 'selecting' && !committed) {
    return [state.rapidAsked ? { ...state, ...withoutRapid(state, event) } : state, []];
  }
  if (isRefused(state.network, lease.address, event.now)) {
    return [state, [reportDropped(reply, `${lease.address} is in use by another host`)]];
  }
  const wait = ipv6OnlyWait(reply, state, policy);
  if (wait !== undefined) return standDown(state, wait, event);
  const serverMac = reply.sourceMac ?? knownMac(state, lease);
  const known = { ...state, network: { ...state.network, serverMac } };
  return accept(known, lease, event, policy);
}

/** A datagram does not tell where it came from; what an earlier frame of the same server told still holds. */
const knownMac = ({ network }: Memory, { server }: Lease): string | undefined =>
  server === network.server ? network.serverMac : undefined;

function accept(
  state: Rebooting | Selecting | Requesting | Extending,
  lease: Lease,
  event: Event,
  policy: Policy,
): Step {
  const since = 'requestedAt' in state ? state.requestedAt : state.cycle.startedAt;
  const degradeLevel = isExtending(state) ? state.held.degradeLevel : state.network.degradeLevel;
  const held: BoundLease = { lease, since, degradeLevel };
  const inUse = state.held?.lease.address === lease.address;
  const guessed = lease.maskGuessed && !inUse;
  const warned = guessed ? [report('warn', 'mask.guessed', { prefix: lease.prefix })] : [];
  const [watch, probes] = watchFor(state, lease.address, event, policy);
  if (policy.arp === 'full' && !inUse) {
    const probing = { ...memoryOf(state), watch, tag: 'probing', candidate: held } as const;
    return [{ ...probing, wakeAt: undefined }, [...warned, ...probes]];
  }
  // The address comes first: the probes run beside its use.
  const bind: Effect = { tag: 'bind', held, previous: state.held };
  return [{ ...boundWith(held, state, event), watch }, [...warned, bind, ...probes]];
}

export function startExtending(state: Bound, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  // Nobody to ask in person: ask everybody.
  const tag = state.held.lease.server === undefined ? 'rebinding' : 'renewing';
  const base = { ...memoryOf(state), held: state.held, cycle, attempt: 0, wakeAt: event.now };
  return sendExtension({ ...base, tag, requestedAt: event.now, warned: false }, event, policy);
}

export function sendExtension(state: Extending, event: Event, policy: Policy): Step {
  const { cycle, attempt, held } = state;
  const t2 = t2Of(held) ?? Infinity;
  const tag = event.now >= t2 ? 'rebinding' : state.tag;
  const secs = Math.floor((event.now - cycle.startedAt) / SECOND);
  // Unanswered unicasts say nothing about the options: the message stays what the server knew.
  const exchange = { xid: cycle.xid, secs, degradeLevel: held.degradeLevel, broadcast: false };
  const message = renew(policy.identity, exchange, held.lease.address);
  const limit = tag === 'renewing' ? t2 : (expiryOf(held) ?? Infinity);
  const [warned, said] = warning(state, event.now);
  const nextAt = renewRetryAt(event.now, limit);
  // Nodes that lost one server do not all turn to the others in one moment. RFC 2131 §4.4.5.
  const fuzz = tag === 'renewing' && nextAt === t2 ? event.jitter * SECOND : 0;
  const retryAt = Math.min(nextAt + fuzz, expiryOf(held) ?? Infinity);
  const wakeAt = warned ? retryAt : Math.min(retryAt, warnTime(held));
  const target = tag === 'renewing' ? held.lease.server : undefined;
  const sent = { ...state, tag, attempt: attempt + 1, requestedAt: event.now, wakeAt, warned };
  return [sent, [{ tag: 'send', message, target }, ...said]];
}

/** Says once that the lease is about to end. */
function warning({ held, warned }: Extending, now: Millis): readonly [boolean, Effect[]] {
  if (warned || now < warnTime(held)) return [warned, []];
  const left = Math.round(((expiryOf(held) ?? now) - now) / SECOND);
  return [true, [report('warn', 'lease.expiring', { address: held.lease.address, left })]];
}

function warnTime(held: BoundLease): Millis {
  const [t2, expiry] = [t2Of(held), expiryOf(held)];
  return t2 === undefined || expiry === undefined ? Infinity : t2 + WARN_AT * (expiry - t2);
}

/** Before an address is kept it is asked for; a probe for another one that is under way goes on. */
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

/** The lease is over: as the policy says, the address goes, or stays while nobody else turns out to have it. */
export function expire(state: State, event: Event, policy: Policy): Step {
  const { held } = state;
  if (held === undefined) return [state, []];
  const { address } = held.lease;
  const kept = policy.onExpire === 'keep';
  const memory: Memory = {
    ...memoryOf(state),
    held: kept ? held : undefined,
    warnKeptAt: kept ? event.now : undefined,
    watch: watchAtEnd(state, held, event, policy),
  };
  const gone: Effect[] = kept ? [] : [{ tag: 'unbind', held }];
  const said = report('warn', 'lease.expired', { address, policy: policy.onExpire });
  if (!isHolding(state)) return [{ ...state, ...memory }, [said, ...gone]];
  const [next, effects] = startSelecting(memory, event, policy);
  return [next, [said, ...gone, ...effects]];
}
