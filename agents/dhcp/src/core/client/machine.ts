import { serverOf } from '../lease/lease.ts';
import { OPTIONS } from '../wire/options.ts';
import {
  ask,
  askLater,
  continueReboot,
  continueRequest,
  continueSelecting,
  reportDropped,
  onOffer,
  startSelecting,
  withoutRapid,
} from './acquiring.ts';
import { advance, onArp, ownWatch } from './conflict.ts';
import {
  type Bound,
  type Effect,
  type Event,
  expiryOf,
  type BoundLease,
  type NetworkMemory,
  type Memory,
  memoryOf,
  UNKNOWN_NETWORK,
  type Policy,
  report,
  type State,
  type Step,
  t1Of,
} from './model.ts';
import { boundWith, expire, onAck, sendExtension, startExtending } from './renewing.ts';
import type { Reply } from './replies.ts';
import { type Millis, nakDelay } from './timing.ts';
import { settledWatch, startWatch } from './watch.ts';

const REPAIR_INTERVAL = 1000;

/** A client that has seen nothing yet; it acts when told of the carrier. */
export function begin(hint: string | undefined, network: NetworkMemory = UNKNOWN_NETWORK): State {
  return {
    tag: 'waiting',
    held: undefined,
    hint,
    upSince: 0,
    nakCount: 0,
    warnKeptAt: undefined,
    network,
    watch: undefined,
    repair: { dueAt: undefined, doneAt: 0 },
  };
}

/**
 * A client that takes over a lease already in the kernel: it asks no server until T1. `checked`: nobody else has the
 * address, as far as could be seen.
 */
export function adopt(
  held: BoundLease,
  network: NetworkMemory,
  checked: boolean,
  policy: Policy,
): Bound {
  const { address } = held.lease;
  const pace = policy.arp === 'none' ? undefined : policy.arp;
  const watch = pace && (checked ? settledWatch(address, pace) : startWatch(address, 'fast', 0, 0));
  const memory = { ...begin(address, network), held, upSince: held.since, watch };
  return { ...memoryOf(memory), held, tag: 'bound', wakeAt: t1Of(held) };
}

/** A client that takes over an address whose lease has run out, and which is kept all the same. */
export function resumeKept(
  held: BoundLease,
  network: NetworkMemory,
  now: Millis,
  { arp }: Policy,
): State {
  const { address } = held.lease;
  const watch = arp === 'none' ? undefined : startWatch(address, 'fast', now, 0);
  return { ...begin(address, network), held, warnKeptAt: now, watch };
}

/** When the client wants its next `timer`. Undefined only when it waits for a carrier or holds a lease for ever. */
export function wakeTime(state: State): Millis | undefined {
  const own = state.tag === 'waiting' ? undefined : state.wakeAt;
  const times = [own, pendingExpiry(state), state.watch?.dueAt, state.repair.dueAt];
  const due = times.filter((time) => time !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}

/** RFC 2131 figure 5. Pure: same state and event, same answer. */
export function step(state: State, event: Event, policy: Policy): Step {
  const expiry = pendingExpiry(state);
  if (expiry === undefined || event.now < expiry) return live(state, event, policy);
  const [expired, first] = expire(state, event, policy);
  // A timer or an answer that was meant for the lease has nothing left to do.
  if (event.tag !== 'carrier') return [expired, first];
  return chain([expired, first], (next) => live(next, event, policy));
}

/** When the lease in use ends; undefined also once it has ended and is kept all the same. */
function pendingExpiry({ held, warnKeptAt }: Memory): Millis | undefined {
  return held && warnKeptAt === undefined ? expiryOf(held) : undefined;
}

function chain([state, effects]: Step, then: (state: State) => Step): Step {
  const [next, more] = then(state);
  return [next, [...effects, ...more]];
}

/** What happened, then what fell due beside the exchange with servers. */
function live(state: State, event: Event, policy: Policy): Step {
  const handled = handle(state, event, policy);
  const advanced = chain(handled, (next) => advance(next, event, policy));
  const used = chain(advanced, (next) => useProbed(next, event));
  return chain(used, (next) => repair(next, event));
}

function handle(state: State, event: Event, policy: Policy): Step {
  switch (event.tag) {
    case 'carrier':
      return onCarrier(state, event.up, event, policy);
    case 'timer':
      return isDue(state, event.now) ? onTimer(state, event, policy) : [state, []];
    case 'reply':
      return onReply(state, event.reply, event, policy);
    case 'arp':
      return onArp(state, event.packet, event, policy);
    case 'disturbed':
      return [disturbed(state, event.now), []];
  }
}

/** Under `full` an address is used once all probes went unanswered. */
function useProbed(state: State, event: Event): Step {
  if (state.tag !== 'probing') return [state, []];
  const { candidate, held, watch } = state;
  const free = watch?.settled === true && watch.address === candidate.lease.address;
  if (!free) return [state, []];
  return [boundWith(candidate, state, event), [{ tag: 'bind', held: candidate, previous: held }]];
}

/** Others may change much at once, and go on doing it: once a second is enough. */
function disturbed(state: State, now: Millis): State {
  const { dueAt, doneAt } = state.repair;
  if (state.held === undefined || dueAt !== undefined) return state;
  return { ...state, repair: { dueAt: Math.max(now, doneAt + REPAIR_INTERVAL), doneAt } };
}

function repair(state: State, { now }: Event): Step {
  const { dueAt } = state.repair;
  if (dueAt === undefined || now < dueAt) return [state, []];
  const next = { ...state, repair: { dueAt: undefined, doneAt: now } };
  return [next, state.held === undefined ? [] : [{ tag: 'repair', held: state.held }]];
}

function onCarrier(state: State, up: boolean, event: Event, policy: Policy): Step {
  if (!up) return [{ tag: 'waiting', ...memoryOf(interrupted(state, policy)) }, []];
  if (state.tag !== 'waiting') return [state, []];
  const { held, watch } = state;
  // The cable may lead to another network now: ask whether the address still holds, and keep it meanwhile.
  const memory: Memory = {
    ...memoryOf(state),
    upSince: event.now,
    watch: watch?.settled === false ? startWatch(watch.address, watch.pace, event.now, 0) : watch,
  };
  // Who took the link down took its routes with it.
  const back: Effect[] = held === undefined ? [] : [{ tag: 'repair', held }];
  const [next, effects] = askLater(memory, event, policy);
  return [next, [...back, ...effects]];
}

/** Without a carrier nothing can be probed; what was about to be ours is what we ask for next. */
function interrupted(state: State, policy: Policy): Memory {
  const hint = state.tag === 'probing' ? state.candidate.lease.address : state.hint;
  const watch = ownWatch(state, policy);
  return { ...memoryOf(state), hint, watch: watch && { ...watch, dueAt: undefined } };
}

const isDue = (state: State, now: Millis): boolean =>
  state.tag !== 'waiting' && state.wakeAt !== undefined && now >= state.wakeAt;

function onTimer(state: State, event: Event, policy: Policy): Step {
  switch (state.tag) {
    case 'waiting':
    case 'probing':
      return [state, []];
    case 'init':
      return ask(state, event, policy);
    case 'rebooting':
      return continueReboot(state, event, policy);
    case 'selecting':
      return continueSelecting(state, event, policy);
    case 'requesting':
      return continueRequest(state, event, policy);
    case 'bound':
      return startExtending(state, event, policy);
    case 'renewing':
    case 'rebinding':
      return sendExtension(state, event, policy);
  }
}

function onReply(state: State, reply: Reply, event: Event, policy: Policy): Step {
  if (!('cycle' in state) || reply.message.xid !== state.cycle.xid) return [state, []];
  switch (reply.kind) {
    case 'nak':
      return onNak(state, reply, event, policy);
    case 'offer':
      return state.tag === 'selecting' ? onOffer(state, reply, event, policy) : [state, []];
    case 'ack':
      return onAck(state, reply, event, policy);
  }
}

function onNak(state: State, reply: Reply, event: Event, policy: Policy): Step {
  if (!isNakForUs(state, reply))
    return [state, [reportDropped(reply, 'not from the server of the lease')]];
  const message = reply.message.options.get(OPTIONS.message);
  const said = report('warn', 'nak', { from: reply.source, state: state.tag, message });
  // The server says the address is not ours. Under `keep` it is given up only for another: taking a link's last
  // address away flushes every route of the link, also those of others.
  const dropped = state.held !== undefined && policy.onExpire === 'drop' ? state.held : undefined;
  const gone: Effect[] = dropped === undefined ? [] : [{ tag: 'unbind', held: dropped }];
  const afterRapid = state.tag === 'requesting' && state.rapidAsked;
  const memory: Memory = {
    ...(afterRapid ? withoutRapid(state, event) : memoryOf(state)),
    held: dropped === undefined ? state.held : undefined,
    // A wish does no harm: who refused may only not know us.
    hint: state.nakCount === 0 ? state.hint : undefined,
    nakCount: state.nakCount + 1,
  };
  if (memory.nakCount === 1) {
    const [next, effects] = startSelecting(memory, event, policy);
    return [next, [said, ...gone, ...effects]];
  }
  const watch = ownWatch(memory, policy);
  const wakeAt = event.now + nakDelay(state.nakCount);
  return [{ ...memory, watch, tag: 'init', wakeAt }, [said, ...gone]];
}

/** While renewing only the lease's server may refuse; a DISCOVER cannot be refused at all. */
function isNakForUs(state: State, reply: Reply): boolean {
  if (state.tag === 'selecting') return false;
  if (state.tag !== 'renewing') return true;
  return serverOf(reply.message, reply.source) === state.held.lease.server;
}
