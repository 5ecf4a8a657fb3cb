import { INIT, REBOOTING, REQUESTING, SELECTING } from './acquiring.ts';
import { onCarrierLost, WAITING } from './carrier.ts';
import { detectConflicts } from './conflict.ts';
import { bindIfProbed, PROBING } from './granting.ts';
import {
  type Effect,
  type Event,
  expiryOf,
  type Handlers,
  type Memory,
  type Policy,
  reportDropped,
  type State,
  type Step,
} from './model.ts';
import { onArp } from './neighbours.ts';
import { isPermitted } from './permitted.ts';
import { BOUND, expire, EXTENDING } from './renewing.ts';
import { onDisturbed, repairIfDue } from './repair.ts';
import type { Reply } from './replies.ts';
import type { Millis } from './timing.ts';

/** RFC 2131 figure 5: the reactions of each state. */
const HANDLERS: Readonly<Record<State['tag'], Handlers<State>>> = {
  waiting: WAITING,
  init: INIT,
  rebooting: REBOOTING,
  selecting: SELECTING,
  requesting: REQUESTING,
  probing: PROBING,
  bound: BOUND,
  renewing: EXTENDING,
  rebinding: EXTENDING,
};

/** An event passes all of them in this order. */
const STAGES = [handle, detectConflicts, bindIfProbed, repairIfDue] as const;

/** Returns the next state and the effects to carry out. Pure: equal states and events give equal results. */
export function step(state: State, event: Event, policy: Policy): Step {
  const expiry = pendingExpiry(state.memory);
  if (expiry === undefined || event.now < expiry) return pass(state, event, policy);
  const [expired, effects] = expire(state, event, policy);
  // A timer or reply that was meant for the lease has no purpose any more.
  if (event.tag !== 'carrier') return [expired, effects];
  const [next, more] = pass(expired, event, policy);
  return [next, [...effects, ...more]];
}

/**
 * When the client wants its next `timer`. Undefined only while it waits for a carrier, or holds a lease without an end.
 */
export function wakeTime(state: State): Millis | undefined {
  const { memory } = state;
  const { watch, repair } = memory;
  const watching = [watch?.dueAt, watch?.doubt?.until];
  const times = [ownTime(state), pendingExpiry(memory), ...watching, repair.dueAt];
  const due = times.filter((time) => time !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}

const ownTime = (state: State): Millis | undefined =>
  'wakeAt' in state ? state.wakeAt : undefined;

/** When the lease in use ends; undefined also after its end, while it is kept all the same. */
const pendingExpiry = ({ held, warnKeptAt }: Memory): Millis | undefined =>
  held && warnKeptAt === undefined ? expiryOf(held) : undefined;

function pass(first: State, event: Event, policy: Policy): Step {
  let state = first;
  const effects: Effect[] = [];
  for (const stage of STAGES) {
    const [next, more] = stage(state, event, policy);
    state = next;
    effects.push(...more);
  }
  return [state, effects];
}

function handle(state: State, event: Event, policy: Policy): Step {
  switch (event.tag) {
    case 'carrier':
      return event.up ? react('carrier', state, event, policy) : onCarrierLost(state);
    case 'timer':
      return isDue(state, event.now) ? react('timer', state, event, policy) : [state, []];
    case 'reply':
      return onReply(state, event.reply, event, policy);
    case 'arp':
      return onArp(state, event.packet, event, policy);
    case 'disturbed':
      return onDisturbed(state, event);
  }
}

const isDue = (state: State, now: Millis): boolean => now >= (ownTime(state) ?? Infinity);

function react(kind: 'carrier' | 'timer', state: State, event: Event, policy: Policy): Step {
  return HANDLERS[state.tag][kind]?.(state, event, policy) ?? [state, []];
}

/** Replies count only in the exchange under way. */
function onReply(state: State, reply: Reply, event: Event, policy: Policy): Step {
  if (!('cycle' in state) || reply.message.xid !== state.cycle.xid) return [state, []];
  if (!isPermitted(state, reply, policy)) {
    return [state, [reportDropped(reply, 'its server is not allowed')]];
  }
  return HANDLERS[state.tag][reply.kind]?.(state, reply, event, policy) ?? [state, []];
}
