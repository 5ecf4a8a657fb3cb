import { type Lease, readLease, serverOf } from './lease.ts';
import { OPTIONS } from './options.ts';
import type { Reply } from './replies.ts';
import { discover, reboot, renew, select } from './requests.ts';
import {
  type Bound,
  type Effect,
  type Event,
  expiryOf,
  type Extending,
  type Held,
  type Memory,
  type Policy,
  report,
  type State,
  type Step,
  t1Of,
  t2Of,
} from './states.ts';
import { type Millis, nakDelay, REBOOT_GAPS, renewRetryAt, retransmitGap } from './timing.ts';

const SECOND = 1000;
const SAY_KEPT_EVERY = 5 * 60 * SECOND;
const MAX_REQUESTS = 5;

type Of<Tag extends State['tag']> = Extract<State, { tag: Tag }>;

/** A client that has seen nothing yet; it acts when told of the carrier. */
export function begin(hint: string | undefined): State {
  return { tag: 'waiting', held: undefined, hint, upSince: 0, naks: 0, sayKeptAt: undefined };
}

/** A client that takes over a lease already in the kernel: it stays silent until T1. */
export function adopt(held: Held): Bound {
  return { tag: 'bound', ...clean(held, held.since), wakeAt: t1Of(held) };
}

/** When the client wants its next `timer`. Undefined only when it waits for a carrier or holds a lease for ever. */
export function wakeTime(state: State): Millis | undefined {
  const own = state.tag === 'waiting' ? undefined : state.wakeAt;
  const expiry = pendingExpiry(state);
  return own === undefined || expiry === undefined ? (own ?? expiry) : Math.min(own, expiry);
}

/** RFC 2131 figure 5. Pure: same state and event, same answer. */
export function step(state: State, event: Event, policy: Policy): Step {
  const expiry = pendingExpiry(state);
  if (expiry === undefined || event.now < expiry) return handle(state, event, policy);
  const [expired, first] = expire(state, event, policy);
  // A timer or an answer that was meant for the lease has nothing left to do.
  if (event.tag !== 'carrier') return [expired, first];
  const [next, effects] = handle(expired, event, policy);
  return [next, [...first, ...effects]];
}

/** When the lease in use ends; undefined also once it has ended and is kept all the same. */
function pendingExpiry({ held, sayKeptAt }: Memory): Millis | undefined {
  return held && sayKeptAt === undefined ? expiryOf(held) : undefined;
}

function handle(state: State, event: Event, policy: Policy): Step {
  switch (event.tag) {
    case 'carrier':
      return onCarrier(state, event.up, event, policy);
    case 'timer':
      return isDue(state, event.now) ? onTimer(state, event, policy) : [state, []];
    case 'reply':
      return onReply(state, event.reply, event, policy);
  }
}

const isHolding = (state: State): state is Bound | Extending =>
  state.tag === 'bound' || state.tag === 'renewing' || state.tag === 'rebinding';

const clean = (held: Held, upSince: Millis): Memory & { held: Held } => ({
  held,
  upSince,
  hint: held.lease.address,
  naks: 0,
  sayKeptAt: undefined,
});

const memoryOf = ({ held, hint, upSince, naks, sayKeptAt }: Memory): Memory => ({
  held,
  hint,
  upSince,
  naks,
  sayKeptAt,
});

const secondsSince = (start: Millis, now: Millis): number => Math.floor((now - start) / SECOND);

function onCarrier(state: State, up: boolean, event: Event, policy: Policy): Step {
  if (!up) return [{ tag: 'waiting', ...memoryOf(state) }, []];
  if (state.tag !== 'waiting') return [state, []];
  // The cable may lead to another network now: ask whether the address still holds, and keep it meanwhile.
  const memory = { ...memoryOf(state), upSince: event.now };
  if (memory.hint !== undefined) return startReboot(memory, memory.hint, event, policy);
  return startSelecting(memory, event, policy);
}

const isDue = (state: State, now: Millis): boolean =>
  state.tag !== 'waiting' && state.wakeAt !== undefined && now >= state.wakeAt;

function onTimer(state: State, event: Event, policy: Policy): Step {
  switch (state.tag) {
    case 'waiting':
      return [state, []];
    case 'init':
      return startSelecting(state, event, policy);
    case 'rebooting':
      return continueReboot(state, event, policy);
    case 'selecting':
      return sendDiscover(state, event, policy);
    case 'requesting':
      return continueRequest(state, event, policy);
    case 'bound':
      return startExtending(state, event, policy);
    case 'renewing':
    case 'rebinding':
      return sendExtension(state, event, policy);
  }
}

function startReboot(memory: Memory, address: string, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  const base = { ...memoryOf(memory), cycle, address, wakeAt: event.now };
  return continueReboot({ tag: 'rebooting', ...base, attempt: 0 }, event, policy);
}

function continueReboot(state: Of<'rebooting'>, event: Event, policy: Policy): Step {
  const { cycle, attempt, address } = state;
  const gap = REBOOT_GAPS[attempt];
  if (gap === undefined) return startSelecting(state, event, policy);
  const secs = secondsSince(cycle.startedAt, event.now);
  const message = reboot(policy.identity, { xid: cycle.xid, secs, attempt }, address);
  return [
    { ...state, attempt: attempt + 1, wakeAt: event.now + gap },
    [{ tag: 'send', message, target: undefined }],
  ];
}

function startSelecting(memory: Memory, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  const base = { ...memoryOf(memory), cycle, wakeAt: event.now };
  return sendDiscover({ tag: 'selecting', ...base, attempt: 0, secs: 0 }, event, policy);
}

function sendDiscover(state: Of<'selecting'>, event: Event, policy: Policy): Step {
  const { cycle, attempt, hint } = state;
  const secs = secondsSince(cycle.startedAt, event.now);
  const message = discover(policy.identity, { xid: cycle.xid, secs, attempt }, hint);
  const wakeAt = event.now + retransmitGap(attempt, event.now - state.upSince, event.jitter);
  const [next, kept] = sayKept({ ...state, attempt: attempt + 1, secs, wakeAt }, event);
  return [next, [{ tag: 'send', message, target: undefined }, ...kept]];
}

function sayKept(state: Of<'selecting'>, { now }: Event): Step {
  const { held, sayKeptAt } = state;
  if (held === undefined || sayKeptAt === undefined || now < sayKeptAt) return [state, []];
  const kept = report('warn', 'lease.kept', { address: held.lease.address });
  return [{ ...state, sayKeptAt: now + SAY_KEPT_EVERY }, [kept]];
}

function continueRequest(state: Of<'requesting'>, event: Event, policy: Policy): Step {
  const { cycle, attempt, offer, server, secs } = state;
  if (attempt >= MAX_REQUESTS) return startSelecting(state, event, policy);
  const exchange = { xid: cycle.xid, secs, attempt };
  const message = select(policy.identity, exchange, offer.address, server);
  const wakeAt = event.now + retransmitGap(attempt, event.now - state.upSince, event.jitter);
  return [
    { ...state, attempt: attempt + 1, wakeAt },
    [{ tag: 'send', message, target: undefined }],
  ];
}

function startExtending(state: Bound, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  // Nobody to ask in person: ask everybody.
  const tag = state.held.lease.server === undefined ? 'rebinding' : 'renewing';
  const extending = { ...state, tag, cycle, attempt: 0, wakeAt: event.now } as const;
  return sendExtension({ ...extending, requestedAt: event.now }, event, policy);
}

function sendExtension(state: Extending, event: Event, policy: Policy): Step {
  const { cycle, attempt, held } = state;
  const t2 = t2Of(held) ?? Infinity;
  const tag = event.now >= t2 ? 'rebinding' : state.tag;
  const secs = secondsSince(cycle.startedAt, event.now);
  // Unanswered unicasts say nothing about the options: the message stays what the server knew.
  const exchange = { xid: cycle.xid, secs, attempt: 0 };
  const message = renew(policy.identity, exchange, held.lease.address);
  const limit = tag === 'renewing' ? t2 : (expiryOf(held) ?? Infinity);
  const wakeAt = renewRetryAt(event.now, limit);
  const target = tag === 'renewing' ? held.lease.server : undefined;
  return [
    { ...state, tag, attempt: attempt + 1, requestedAt: event.now, wakeAt },
    [{ tag: 'send', message, target }],
  ];
}

function expire(state: State, event: Event, policy: Policy): Step {
  const { held } = state;
  if (held === undefined) return [state, []];
  const address = held.lease.address;
  const kept = policy.onExpire === 'keep';
  const memory: Memory = {
    ...memoryOf(state),
    held: kept ? held : undefined,
    sayKeptAt: kept ? event.now : undefined,
  };
  const gone: Effect[] = kept ? [] : [{ tag: 'unbind', held }];
  const said = report('warn', 'lease.expired', { address, policy: policy.onExpire });
  if (!isHolding(state)) return [{ ...state, ...memory }, [said, ...gone]];
  const [next, effects] = startSelecting(memory, event, policy);
  return [next, [said, ...gone, ...effects]];
}

function onReply(state: State, reply: Reply, event: Event, policy: Policy): Step {
  if (!('cycle' in state) || reply.message.xid !== state.cycle.xid) return [state, []];
  if (reply.kind === 'nak') return onNak(state, reply, event, policy);
  const granted = readLease(reply.message, reply.source);
  if ('refused' in granted) return [state, [drop(reply, granted.refused)]];
  if (reply.kind === 'offer') return onOffer(state, granted.lease, reply, event, policy);
  return onAck(state, granted.lease, reply, event);
}

const drop = (reply: Reply, why: string): Effect =>
  report('warn', 'rx.drop', { why, kind: reply.kind, from: reply.source });

function onOffer(state: State, offer: Lease, reply: Reply, event: Event, policy: Policy): Step {
  if (state.tag !== 'selecting') return [state, []];
  const server = serverOf(reply.message, reply.source);
  if (server === undefined) return [state, [drop(reply, 'server does not say who it is')]];
  const { cycle, secs } = state;
  const base = { ...memoryOf(state), cycle, secs, offer, server, requestedAt: event.now };
  const requesting = { ...base, tag: 'requesting', attempt: 0, wakeAt: event.now } as const;
  const [next, effects] = continueRequest(requesting, event, policy);
  return [next, [report('info', 'offer', { address: offer.address, server }), ...effects]];
}

/** An ACK in SELECTING counts only as the answer to a rapid commit. RFC 4039 §3.1. */
function onAck(
  state: Of<Exclude<State['tag'], 'waiting' | 'init' | 'bound'>>,
  lease: Lease,
  reply: Reply,
  event: Event,
): Step {
  const committed = reply.message.options.get(OPTIONS.rapidCommit) === true;
  if (state.tag === 'selecting' && !committed) return [state, []];
  const since = 'requestedAt' in state ? state.requestedAt : state.cycle.startedAt;
  const held: Held = { lease, since };
  const t1 = t1Of(held);
  // A second either way keeps nodes that booted together from renewing together.
  const wakeAt = t1 && Math.max(since + SECOND, t1 + (event.jitter * 2 - 1) * SECOND);
  return [
    { tag: 'bound', ...clean(held, state.upSince), wakeAt },
    [{ tag: 'bind', held, previous: state.held }],
  ];
}

function onNak(state: State, reply: Reply, event: Event, policy: Policy): Step {
  if (!isNakForUs(state, reply)) return [state, [drop(reply, 'not from the server of the lease')]];
  const message = reply.message.options.get(OPTIONS.message);
  const said = report('warn', 'nak', { from: reply.source, state: state.tag, message });
  // The server says the address is not ours. Under `keep` it is given up only for another: taking a link's last
  // address away flushes every route of the link, also those of others.
  const dropped = state.held !== undefined && policy.onExpire === 'drop' ? state.held : undefined;
  const gone: Effect[] = dropped === undefined ? [] : [{ tag: 'unbind', held: dropped }];
  const held = dropped === undefined ? state.held : undefined;
  const memory = { ...memoryOf(state), held, hint: undefined, naks: state.naks + 1 };
  if (memory.naks === 1) {
    const [next, effects] = startSelecting(memory, event, policy);
    return [next, [said, ...gone, ...effects]];
  }
  return [{ ...memory, tag: 'init', wakeAt: event.now + nakDelay(state.naks) }, [said, ...gone]];
}

/** While renewing only the lease's server may refuse; a DISCOVER cannot be refused at all. */
function isNakForUs(state: State, reply: Reply): boolean {
  if (state.tag === 'selecting') return false;
  if (state.tag !== 'renewing') return true;
  return serverOf(reply.message, reply.source) === state.held.lease.server;
}
