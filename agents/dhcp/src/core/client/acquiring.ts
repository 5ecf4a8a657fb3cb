import { readLease } from '../lease/lease.ts';
import { question } from '../wire/arp.ts';
import { OPTIONS } from '../wire/options.ts';
import { onAck, readUsable } from './granting.ts';
import { isClimbing, levelAt } from './ladder.ts';
import {
  type BoundLease,
  type Effect,
  type Event,
  type Extending,
  type Handlers,
  type Init,
  type Memory,
  type NetworkMemory,
  type Offer,
  type Policy,
  type Rebooting,
  withMemory,
  report,
  reportDropped,
  type Requesting,
  type Selecting,
  type State,
  type Step,
  t1Of,
} from './model.ts';
import { better } from './offers.ts';
import { isAsked, isStranger, noteRefusal, REFUSAL_WAIT } from './refusals.ts';
import type { Reply } from './replies.ts';
import { discover, reboot, select } from './requests.ts';
import { type Millis, nakDelay, REBOOT_GAPS, retransmitGap, strictStartDelay } from './timing.ts';

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;
const WARN_KEPT_EVERY = 5 * 60 * SECOND;
const MAX_REQUESTS = 5;
const STRICT_REBOOTS = 2;
const BROADCAST_FROM = 2;
const RAPID_COMMITS = 2;
/** A wait before the next exchange. */
export const INIT: Handlers<Init> = {
  timer: ({ memory }, event, policy) => ask(memory, event, policy),
};

/** The last address is asked for again. */
export const REBOOTING: Handlers<Rebooting> = {
  timer: continueRebooting,
  ack: onAck,
  nak: (state, reply, event, policy) => onRefusal(state, reply, event, policy),
};

/** Any address is asked for, and offers are collected. */
export const SELECTING: Handlers<Selecting> = {
  timer: continueSelecting,
  offer: (state, reply, event, policy) => onOffer(heard(state), reply, event, policy),
  ack: (state, reply, event, policy) => onRapidAck(heard(state), reply, event, policy),
  nak: (state, reply) => [heard(state), [reportDropped(reply, 'a DISCOVER cannot be refused')]],
};

/** One server was asked for the address that it offered. */
export const REQUESTING: Handlers<Requesting> = {
  timer: continueRequesting,
  ack: (state, reply, event, policy) =>
    isAsked(state.offer, reply) ? onAck(state, reply, event, policy) : fromStranger(state, reply),
  nak: (state, reply, event, policy) =>
    isAsked(state.offer, reply)
      ? onNak(state, withoutRefusedRapid(state, event), reply, event, policy)
      : fromStranger(state, reply),
};

const fromStranger = (state: State, reply: Reply): Step => [
  state,
  [reportDropped(reply, 'not from the server that was asked')],
];

const heard = (state: Selecting): Selecting => ({ ...state, answered: true });

/** Sends the first message on a link with a carrier, after the random wait that the policy wants. */
export function startAcquiring(memory: Memory, event: Event, policy: Policy): Step {
  const strict = policy.strictRfc && memory.hint === undefined ? strictStartDelay(event.jitter) : 0;
  const delay = Math.max(strict, policy.startupJitterSeconds * SECOND * event.jitter);
  if (delay === 0 || memory.held !== undefined) return ask(memory, event, policy);
  return [{ tag: 'init', memory, wakeAt: event.now + delay }, []];
}

function ask(memory: Memory, event: Event, policy: Policy): Step {
  const { hint } = memory;
  if (hint === undefined) return startSelecting(memory, event, policy);
  return startRebooting(memory, hint, event, policy);
}

const cycleOf = ({ xid, now }: Event) => ({ xid, startedAt: now });
const secondsSince = (start: Millis, now: Millis): number => Math.floor((now - start) / SECOND);

function startRebooting(memory: Memory, address: string, event: Event, policy: Policy): Step {
  const base = { memory, cycle: cycleOf(event), attempt: 0, wakeAt: event.now };
  const fresh = { sameNetwork: false, refusal: undefined };
  const rebooting = { tag: 'rebooting', ...base, address, ...fresh } as const;
  const [next, effects] = sendReboot(rebooting, event, policy);
  return [next, [...effects, ...askGateway(memory, policy)]];
}

/** Asks the lease's gateway whether it is still there, which is quicker than any server. RFC 4436. */
function askGateway({ held, network }: Memory, { arp, identity }: Policy): Effect[] {
  const gateway = held?.lease.gateways[0];
  if (arp === 'none' || gateway === undefined || network.gatewayMac === undefined) return [];
  const packet = question(identity.mac, held?.lease.address ?? '', gateway, network.gatewayMac);
  return [{ tag: 'arp', packet }];
}

function continueRebooting(state: Rebooting, event: Event, policy: Policy): Step {
  return refuseIfDue(state, event, policy) ?? sendReboot(state, event, policy);
}

function sendReboot(state: Rebooting, event: Event, policy: Policy): Step {
  const { cycle, attempt, address } = state;
  const gap = rebootGap(attempt, event, policy);
  if (gap === undefined) return onSilence(state, event, policy);
  const secs = secondsSince(cycle.startedAt, event.now);
  const broadcast = policy.broadcast || attempt >= BROADCAST_FROM;
  const { degradeLevel } = state.memory.network;
  const message = reboot(
    policy.identity,
    { xid: cycle.xid, secs, degradeLevel, broadcast },
    address,
  );
  return [
    { ...state, attempt: attempt + 1, wakeAt: event.now + gap },
    [{ tag: 'send', message, target: undefined }],
  ];
}

function rebootGap(attempt: number, { jitter }: Event, { strictRfc }: Policy): Millis | undefined {
  if (!strictRfc) return REBOOT_GAPS[attempt];
  return attempt < STRICT_REBOOTS ? retransmitGap(attempt, 0, jitter, strictRfc) : undefined;
}

/** Keeps a valid lease whose network was recognised, else asks for any address. RFC 2131 §3.2, RFC 4436 §2.1. */
function onSilence({ memory, sameNetwork }: Rebooting, event: Event, policy: Policy): Step {
  const { held, warnKeptAt, network } = memory;
  if (held !== undefined && sameNetwork && warnKeptAt === undefined) return confirm(memory, held);
  // Silence does not show what a server objects to: perhaps there is none.
  return startSelecting({ ...memory, network: { ...network, degradeLevel: 0 } }, event, policy);
}

function confirm(memory: Memory, held: BoundLease): Step {
  const said = report('info', 'lease.confirmed', { address: held.lease.address, by: 'gateway' });
  return [{ tag: 'bound', memory: { ...memory, held }, wakeAt: t1Of(held) }, [said]];
}

/** Asks for any address. */
export function startSelecting(memory: Memory, event: Event, policy: Policy): Step {
  const base = { memory, cycle: cycleOf(event), attempt: 0, wakeAt: event.now, secs: 0 };
  const fresh = { rapidAsked: false, answered: false, offer: undefined };
  const selecting = { tag: 'selecting', ...base, ...fresh } as const;
  return sendDiscover(selecting, event, policy);
}

/** Takes the best offer when the window for offers has closed; without an offer it sends DISCOVER again. */
function continueSelecting(state: Selecting, event: Event, policy: Policy): Step {
  if (state.offer !== undefined) return startRequesting(state, state.offer, event, policy);
  return sendDiscover(state, event, policy);
}

function sendDiscover(state: Selecting, event: Event, policy: Policy): Step {
  const { cycle, attempt } = state;
  const { hint, network, upSince } = state.memory;
  const secs = secondsSince(cycle.startedAt, event.now);
  // A server that replies does not object to the form of the message.
  const degradeLevel =
    policy.strictRfc || state.answered
      ? network.degradeLevel
      : levelAt(attempt, network.degradeLevel);
  const broadcast = policy.broadcast || attempt >= BROADCAST_FROM;
  const rapid =
    policy.rapidCommit &&
    attempt < RAPID_COMMITS &&
    degradeLevel < 2 &&
    event.now >= network.rapidOffUntil;
  const exchange = { xid: cycle.xid, secs, degradeLevel, broadcast };
  const message = discover(policy.identity, exchange, hint, rapid);
  const gap = retransmitGap(attempt, event.now - upSince, event.jitter, policy.strictRfc);
  const rapidAsked = state.rapidAsked || rapid;
  const sent = { ...state, attempt: attempt + 1, secs, wakeAt: event.now + gap, rapidAsked };
  const degraded = degradeLevel > network.degradeLevel && isClimbing(attempt);
  const said = degraded ? [report('warn', 'degrade', { step: degradeLevel })] : [];
  const known = withMemory(sent, { network: { ...network, degradeLevel } });
  const [next, kept] = warnKept(known, event);
  return [next, [...said, { tag: 'send', message, target: undefined }, ...kept]];
}

function warnKept(state: Selecting, { now }: Event): Step {
  const { held, warnKeptAt } = state.memory;
  if (held === undefined || warnKeptAt === undefined || now < warnKeptAt) return [state, []];
  const kept = report('warn', 'lease.kept', { address: held.lease.address });
  return [withMemory(state, { warnKeptAt: now + WARN_KEPT_EVERY }), [kept]];
}

function onOffer(state: Selecting, reply: Reply, event: Event, policy: Policy): Step {
  const usable = readUsable(state, reply, event, policy);
  if ('instead' in usable) return usable.instead;
  const { lease } = usable;
  const best = better(state, { lease, server: lease.server, reply });
  const open = policy.offerWindowMs > 0 && lease.address !== state.memory.hint;
  if (!open) return startRequesting(state, best, event, policy);
  const wakeAt = state.offer === undefined ? event.now + policy.offerWindowMs : state.wakeAt;
  return [{ ...state, offer: best, wakeAt }, []];
}

/** While selecting, an ACK counts only as the reply to a rapid commit. RFC 4039 §3.1. */
function onRapidAck(state: Selecting, reply: Reply, event: Event, policy: Policy): Step {
  const committed = reply.message.options.get(OPTIONS.rapidCommit) === true;
  const { minLeaseSeconds, fallbackLeaseSeconds } = policy;
  const unusable =
    'refused' in readLease(reply.message, reply.source, minLeaseSeconds, fallbackLeaseSeconds);
  if (committed || unusable) return onAck(state, reply, event, policy);
  return [state.rapidAsked ? { ...state, memory: withoutRapid(state.memory, event) } : state, []];
}

function startRequesting(state: Selecting, offer: Offer, event: Event, policy: Policy): Step {
  const { cycle, secs, rapidAsked, attempt } = state;
  // An offer that came only after rapid commit was left out: the server does not support it.
  const refusedRapid = rapidAsked && attempt > RAPID_COMMITS;
  const memory = refusedRapid ? withoutRapid(state.memory, event) : state.memory;
  const broadcast = policy.broadcast || attempt > BROADCAST_FROM;
  const base = { memory, cycle, secs, broadcast, rapidAsked, offer, requestedAt: event.now };
  const requesting = { ...base, tag: 'requesting', attempt: 0, wakeAt: event.now } as const;
  const [next, effects] = continueRequesting(requesting, event, policy);
  const { address } = offer.lease;
  const said = report('info', 'offer', { address, server: offer.server });
  return [next, [said, ...effects]];
}

function continueRequesting(state: Requesting, event: Event, policy: Policy): Step {
  const { memory, cycle, attempt, offer, secs, broadcast } = state;
  if (attempt >= MAX_REQUESTS) {
    return startSelecting(withoutRefusedRapid(state, event), event, policy);
  }
  const { degradeLevel } = memory.network;
  const exchange = { xid: cycle.xid, secs, degradeLevel, broadcast };
  const message = select(policy.identity, exchange, offer.lease.address, offer.server);
  const gap = retransmitGap(attempt, event.now - memory.upSince, event.jitter, policy.strictRfc);
  return [
    { ...state, attempt: attempt + 1, wakeAt: event.now + gap },
    [{ tag: 'send', message, target: undefined }],
  ];
}

const withoutRefusedRapid = ({ memory, rapidAsked }: Requesting, event: Event): Memory =>
  rapidAsked ? withoutRapid(memory, event) : memory;

/** Rapid commit failed: it is not tried again for a day. */
function withoutRapid(memory: Memory, { now }: Event): Memory {
  const network: NetworkMemory = { ...memory.network, rapidOffUntil: now + DAY };
  return { ...memory, network };
}

/**
 * Takes the refusal of a server that holds the lease, or may hold it, and remembers that of another one: on a network
 * with two servers each refuses what only the other one knows. RFC 2131 §4.3.2.
 */
export function onRefusal(
  state: Rebooting | Extending,
  reply: Reply,
  event: Event,
  policy: Policy,
): Step {
  const { memory, refusal } = state;
  if (!isStranger(memory, reply)) return onNak(state, memory, reply, event, policy);
  if (refusal !== undefined) return [state, []];
  return [{ ...state, refusal: reply, wakeAt: event.now + REFUSAL_WAIT }, []];
}

/** Takes the remembered refusal once the lease's server had its time to grant the lease. */
export function refuseIfDue(
  state: Rebooting | Extending,
  event: Event,
  policy: Policy,
): Step | undefined {
  const { memory, refusal } = state;
  return refusal && onNak(state, memory, refusal, event, policy, false);
}

/**
 * Starts over after a refusal: the first time at once, later after a growing wait. A stranger does not make it grow.
 */
export function onNak(
  state: State,
  memory: Memory,
  reply: Reply,
  event: Event,
  policy: Policy,
  counts = true,
): Step {
  const [next, said] = noteRefusal(state, memory, reply, policy, counts);
  if (!counts || next.nakCount === 1) {
    const [selecting, effects] = startSelecting(next, event, policy);
    return [selecting, [...said, ...effects]];
  }
  const wakeAt = event.now + nakDelay(memory.nakCount);
  return [{ tag: 'init', memory: next, wakeAt }, said];
}
