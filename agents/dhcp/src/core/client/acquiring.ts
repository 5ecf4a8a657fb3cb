import { readLease, serverOf } from '../lease/lease.ts';
import { question } from '../wire/arp.ts';
import { OPTIONS } from '../wire/options.ts';
import { isRefused, ownWatch, watchFor } from './conflict.ts';
import {
  type Effect,
  type Event,
  type NetworkMemory,
  type Memory,
  memoryOf,
  type Offer,
  type Policy,
  type Rebooting,
  report,
  type Requesting,
  type Selecting,
  type Step,
  t1Of,
} from './model.ts';
import type { Reply } from './replies.ts';
import { discover, type DegradeLevel, reboot, select } from './requests.ts';
import { type Millis, REBOOT_GAPS, retransmitGap, strictStartDelay } from './timing.ts';

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;
const WARN_KEPT_EVERY = 5 * 60 * SECOND;
const MAX_REQUESTS = 5;
const STRICT_REBOOTS = 2;
const BROADCAST_FROM = 2;
const RAPID_COMMITS = 2;
const MIN_IPV6_ONLY_WAIT = 300;
/** By how many messages went unanswered. */
const DEGRADE_LEVELS: readonly DegradeLevel[] = [0, 0, 0, 1, 2, 3];

const secondsSince = (start: Millis, now: Millis): number => Math.floor((now - start) / SECOND);

/** The first question on a link that has its carrier. */
export function ask(memory: Memory, event: Event, policy: Policy): Step {
  const { hint } = memory;
  if (hint !== undefined) return startReboot(memory, hint, event, policy);
  return startSelecting(memory, event, policy);
}

/** The same, after the random wait that the policy wants before a client speaks for the first time. */
export function askLater(memory: Memory, event: Event, policy: Policy): Step {
  const strict = policy.strict && memory.hint === undefined ? strictStartDelay(event.jitter) : 0;
  const delay = Math.max(strict, policy.startupJitter * event.jitter);
  if (delay === 0 || memory.held !== undefined) return ask(memory, event, policy);
  return [{ tag: 'init', ...memoryOf(memory), wakeAt: event.now + delay }, []];
}

function startReboot(memory: Memory, address: string, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  const own = { ...memoryOf(memory), watch: ownWatch(memory, policy) };
  const base = { ...own, cycle, address, wakeAt: event.now, attempt: 0, sameNetwork: false };
  const [next, effects] = continueReboot({ tag: 'rebooting', ...base }, event, policy);
  return [next, [...effects, ...recognise(memory, policy)]];
}

/** Asks the gateway of the lease whether it is still there: quicker than any server. RFC 4436. */
function recognise({ held, network }: Memory, policy: Policy): Effect[] {
  const gateway = held?.lease.gateways[0];
  if (policy.arp === 'none' || gateway === undefined || network.gatewayMac === undefined) return [];
  const { mac } = policy.identity;
  const packet = question(mac, held?.lease.address ?? '', gateway, network.gatewayMac);
  return [{ tag: 'arp', packet }];
}

export function continueReboot(state: Rebooting, event: Event, policy: Policy): Step {
  const { cycle, attempt, address, network } = state;
  const gap = rebootGap(attempt, event, policy);
  if (gap === undefined) return unanswered(state, event, policy);
  const secs = secondsSince(cycle.startedAt, event.now);
  const broadcast = policy.broadcast || attempt >= BROADCAST_FROM;
  const exchange = { xid: cycle.xid, secs, degradeLevel: network.degradeLevel, broadcast };
  const message = reboot(policy.identity, exchange, address);
  return [
    { ...state, attempt: attempt + 1, wakeAt: event.now + gap },
    [{ tag: 'send', message, target: undefined }],
  ];
}

function rebootGap(attempt: number, { jitter }: Event, { strict }: Policy): Millis | undefined {
  if (!strict) return REBOOT_GAPS[attempt];
  return attempt < STRICT_REBOOTS ? retransmitGap(attempt, 0, jitter, strict) : undefined;
}

/** A lease that still runs goes on where its network was recognised. RFC 2131 §3.2, RFC 4436 §2.1. */
function unanswered(state: Rebooting, event: Event, policy: Policy): Step {
  const { held, sameNetwork, warnKeptAt } = state;
  if (held !== undefined && sameNetwork && warnKeptAt === undefined) {
    const said = report('info', 'lease.confirmed', { address: held.lease.address, by: 'gateway' });
    return [{ tag: 'bound', ...memoryOf(state), held, wakeAt: t1Of(held) }, [said]];
  }
  // Silence says nothing about what a server objects to: perhaps there is none.
  const network = { ...state.network, degradeLevel: 0 as const };
  return startSelecting({ ...memoryOf(state), network }, event, policy);
}

export function startSelecting(memory: Memory, event: Event, policy: Policy): Step {
  const cycle = { xid: event.xid, startedAt: event.now };
  const own = { ...memoryOf(memory), watch: ownWatch(memory, policy) };
  const base = { ...own, cycle, wakeAt: event.now, attempt: 0, secs: 0 };
  const selecting = { tag: 'selecting', ...base, rapidAsked: false, offer: undefined } as const;
  return sendDiscover(selecting, event, policy);
}

/** Sends DISCOVER again, or takes the best offer when the window for offers has closed. */
export function continueSelecting(state: Selecting, event: Event, policy: Policy): Step {
  if (state.offer !== undefined) return request(state, state.offer, event, policy);
  return sendDiscover(state, event, policy);
}

function sendDiscover(state: Selecting, event: Event, policy: Policy): Step {
  const { cycle, attempt, hint, network } = state;
  const secs = secondsSince(cycle.startedAt, event.now);
  const degradeLevel = policy.strict
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
  const age = event.now - state.upSince;
  const wakeAt = event.now + retransmitGap(attempt, age, event.jitter, policy.strict);
  const rapidAsked = state.rapidAsked || rapid;
  const sent = { ...state, attempt: attempt + 1, secs, wakeAt, rapidAsked };
  const [next, kept] = warnKept({ ...sent, network: { ...network, degradeLevel } }, event);
  const news = degradeLevel > network.degradeLevel && attempt < DEGRADE_LEVELS.length;
  const degraded = news ? [report('warn', 'degrade', { step: degradeLevel })] : [];
  return [next, [...degraded, { tag: 'send', message, target: undefined }, ...kept]];
}

/** Once all was tried, every other message is complete again: perhaps it was only the wire that was dead. */
function levelAt(attempt: number, network: DegradeLevel): DegradeLevel {
  const step = DEGRADE_LEVELS[attempt] ?? (attempt % 2 === 0 ? 0 : 3);
  if (attempt >= DEGRADE_LEVELS.length) return step;
  return step > network ? step : network;
}

function warnKept(state: Selecting, { now }: Event): Step {
  const { held, warnKeptAt } = state;
  if (held === undefined || warnKeptAt === undefined || now < warnKeptAt) return [state, []];
  const kept = report('warn', 'lease.kept', { address: held.lease.address });
  return [{ ...state, warnKeptAt: now + WARN_KEPT_EVERY }, [kept]];
}

export const reportDropped = (reply: Reply, why: string): Effect =>
  report('warn', 'rx.drop', { why, kind: reply.kind, from: reply.source });

export function onOffer(state: Selecting, reply: Reply, event: Event, policy: Policy): Step {
  const granted = readLease(reply.message, reply.source);
  if ('refused' in granted) return [state, [reportDropped(reply, granted.refused)]];
  const server = serverOf(reply.message, reply.source);
  if (server === undefined) return [state, [reportDropped(reply, 'server does not say who it is')]];
  const { lease } = granted;
  if (isRefused(state.network, lease.address, event.now)) {
    return [state, [reportDropped(reply, `${lease.address} is in use by another host`)]];
  }
  const wait = ipv6OnlyWait(reply, state, policy);
  if (wait !== undefined) return standDown(state, wait, event);
  const best = better(state, { lease, server });
  const open = policy.offerWindow > 0 && lease.address !== state.hint;
  if (!open) return request(state, best, event, policy);
  const wakeAt = state.offer === undefined ? event.now + policy.offerWindow : state.wakeAt;
  return [{ ...state, offer: best, wakeAt }, []];
}

/** The address we had, else the server we had, else the first. */
function better({ offer, hint, network }: Selecting, other: Offer): Offer {
  if (offer === undefined) return other;
  const rank = ({ lease, server }: Offer): number =>
    (lease.address === hint ? 2 : 0) + (server === network.server ? 1 : 0);
  return rank(other) > rank(offer) ? other : offer;
}

function request(state: Selecting, offer: Offer, event: Event, policy: Policy): Step {
  const { cycle, secs, rapidAsked, attempt } = state;
  // Answered only once rapid commit was left out: then it is what the server does not bear.
  const refusedRapid = rapidAsked && attempt > RAPID_COMMITS;
  const memory = refusedRapid ? withoutRapid(state, event) : memoryOf(state);
  const broadcast = policy.broadcast || attempt > BROADCAST_FROM;
  const base = { ...memory, cycle, secs, broadcast, rapidAsked, offer, requestedAt: event.now };
  const requesting = { ...base, tag: 'requesting', attempt: 0, wakeAt: event.now } as const;
  const [next, effects] = continueRequest(requesting, event, policy);
  const { address } = offer.lease;
  const said = report('info', 'offer', { address, server: offer.server });
  // Under `full` nothing is probed for before it is ours to decline.
  if (policy.arp === 'full') return [next, [said, ...effects]];
  const [watch, probes] = watchFor(state, address, event, policy);
  return [{ ...next, watch }, [said, ...effects, ...probes]];
}

export function continueRequest(state: Requesting, event: Event, policy: Policy): Step {
  const { cycle, attempt, offer, secs, broadcast, network, rapidAsked } = state;
  if (attempt >= MAX_REQUESTS) {
    return startSelecting(rapidAsked ? withoutRapid(state, event) : state, event, policy);
  }
  const exchange = { xid: cycle.xid, secs, degradeLevel: network.degradeLevel, broadcast };
  const message = select(policy.identity, exchange, offer.lease.address, offer.server);
  const age = event.now - state.upSince;
  const wakeAt = event.now + retransmitGap(attempt, age, event.jitter, policy.strict);
  return [
    { ...state, attempt: attempt + 1, wakeAt },
    [{ tag: 'send', message, target: undefined }],
  ];
}

/** Rapid commit failed: not for a day. */
export function withoutRapid(memory: Memory, { now }: Event): Memory {
  const network: NetworkMemory = { ...memory.network, rapidOffUntil: now + DAY };
  return { ...memoryOf(memory), network };
}

/** How long the network wants us to do without IPv4, if it says so, we listen to it and have no address yet. RFC 8925. */
export function ipv6OnlyWait(
  { message }: Reply,
  { held }: Memory,
  { ipv6Mostly }: Policy,
): Millis | undefined {
  const seconds = message.options.get(OPTIONS.ipv6Only);
  if (!ipv6Mostly || held !== undefined || seconds === undefined) return undefined;
  return Math.max(seconds, MIN_IPV6_ONLY_WAIT) * SECOND;
}

export function standDown(memory: Memory, wait: Millis, { now }: Event): Step {
  const said = report('info', 'ipv6.only', { seconds: wait / SECOND });
  const next = { ...memoryOf(memory), watch: undefined };
  return [{ tag: 'init', ...next, wakeAt: now + wait }, [said, { tag: 'stand-down' }]];
}
