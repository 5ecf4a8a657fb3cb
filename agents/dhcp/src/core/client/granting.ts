import { type Lease, readLease } from '../lease/lease.ts';
import type { Limit } from '../lease/limits.ts';
import { OPTIONS } from '../wire/options.ts';
import {
  type Bound,
  type BoundLease,
  type Effect,
  type Event,
  type Exchanging,
  type Handlers,
  isDeclined,
  isHolding,
  type Memory,
  type NetworkMemory,
  type Policy,
  type Probing,
  report,
  reportDropped,
  type State,
  type Step,
  t1Of,
} from './model.ts';
import type { Reply } from './replies.ts';
import type { Millis } from './timing.ts';
import { settledWatch } from './watch.ts';

const SECOND = 1000;
const MIN_IPV6_ONLY_WAIT = 300;

/** Under `full` a granted address is probed for before it is used. */
export const PROBING: Handlers<Probing> = {};

/** A lease, or the step to take because it cannot be used. */
type Usable = { readonly lease: Lease } | { readonly instead: Step };

/** Reads the lease of an OFFER or ACK, and checks that it is usable on this network. */
export function readUsable(state: Exchanging, reply: Reply, event: Event, policy: Policy): Usable {
  const { memory } = state;
  // It may have no address: RFC 8925 §3.3 lets a server without one say so.
  const wait = ipv6OnlyWait(reply, memory, policy);
  if (wait !== undefined) return { instead: standDown(memory, wait, event) };
  const { minLeaseSeconds, fallbackLeaseSeconds } = policy;
  const known = state.tag === 'requesting' ? state.offer.lease : memory.held?.lease;
  const granted = readLease(
    reply.message,
    reply.source,
    minLeaseSeconds,
    fallbackLeaseSeconds,
    known,
  );
  if ('refused' in granted) return { instead: [state, [reportDropped(reply, granted.refused)]] };
  const { address } = granted.lease;
  if (isDeclined(memory.network, address, event.now)) {
    return { instead: [state, [reportDropped(reply, `${address} is in use by another host`)]] };
  }
  const elsewhere = policy.surroundings?.leased.get(address);
  if (elsewhere !== undefined) {
    return { instead: [state, [reportDropped(reply, `${address} is on ${elsewhere} already`)]] };
  }
  return granted;
}

/** Takes a granted lease into use, or begins to probe for its address. */
export function onAck(state: Exchanging, reply: Reply, event: Event, policy: Policy): Step {
  const { memory } = state;
  const usable = readUsable(state, reply, event, policy);
  if ('instead' in usable) return usable.instead;
  const lease = withServer(usable.lease, state);
  const since = 'requestedAt' in state ? state.requestedAt : state.cycle.startedAt;
  const { degradeLevel } = isHolding(state) ? state.memory.held : memory.network;
  const serverMac = reply.sourceMac ?? knownMac(memory.network, lease);
  const known = { ...memory, network: { ...memory.network, serverMac } };
  return accept(known, { lease, since, degradeLevel }, event, policy);
}

/** A datagram does not say who sent it. Who extends a lease without saying who it is is the lease's server. */
function withServer(lease: Lease, state: Exchanging): Lease {
  if (lease.server !== undefined || !isHolding(state)) return lease;
  return { ...lease, server: state.memory.held.lease.server };
}

/** A datagram does not say which hardware address sent it. An earlier frame of the same server did. */
const knownMac = (network: NetworkMemory, { server }: Lease): string | undefined =>
  server === network.server ? network.serverMac : undefined;

function accept(memory: Memory, held: BoundLease, event: Event, policy: Policy): Step {
  const { address } = held.lease;
  const inUse = memory.held?.lease.address === address;
  const warned = warnOf(held.lease, inUse ? memory.held?.lease : undefined);
  if (policy.arp === 'full' && !inUse) {
    return [{ tag: 'probing', memory, candidate: held }, warned];
  }
  // A server may grant the address in use after it offered another one: that is not probed for again.
  const watched = memory.watch?.address === address;
  const own = inUse && !watched ? { ...memory, watch: settledWatch(address, 'fast') } : memory;
  return [bound(held, own, event), [...warned, { tag: 'bind', held, previous: memory.held }]];
}

/** Warns of what is not as the server sent it, once for each lease: dnsmasq sends another T1 with each renewal. */
function warnOf({ prefix, maskGuessed, limits }: Lease, before: Lease | undefined): Effect[] {
  const guessed = maskGuessed && before === undefined;
  const isNew = ({ what, used }: Limit): boolean =>
    before?.limits.some((each) => each.what === what && each.used === used) !== true;
  return [
    ...(guessed ? [report('warn', 'mask.guessed', { prefix })] : []),
    ...limits.filter(isNew).map((limit) => report('warn', 'lease.limit', { ...limit })),
  ];
}

/** Takes a probed address into use once no host replied to its probes. */
export function bindIfProbed(state: State, event: Event): Step {
  if (state.tag !== 'probing') return [state, []];
  const { candidate, memory } = state;
  const { held, watch } = memory;
  const free = watch?.settled === true && watch.address === candidate.lease.address;
  if (!free) return [state, []];
  return [bound(candidate, memory, event), [{ tag: 'bind', held: candidate, previous: held }]];
}

function bound(held: BoundLease, memory: Memory, event: Event): Bound {
  const t1 = t1Of(held);
  // A second either way keeps nodes that booted together from renewing together.
  const wakeAt = t1 && Math.max(held.since + SECOND, t1 + (event.jitter * 2 - 1) * SECOND);
  const fresh = { held, hint: held.lease.address, nakCount: 0, warnKeptAt: undefined };
  const network = networkOf(held, memory);
  return { tag: 'bound', memory: { ...memory, ...fresh, network }, wakeAt };
}

function networkOf({ lease, degradeLevel }: BoundLease, { held, network }: Memory): NetworkMemory {
  const sameGateway = held?.lease.gateways[0] === lease.gateways[0];
  return {
    ...network,
    degradeLevel,
    server: lease.server,
    gatewayMac: sameGateway ? network.gatewayMac : undefined,
  };
}

/**
 * How long the network asks clients to do without IPv4. Undefined when it does not ask, when the policy ignores it, or
 * when there is an address already. RFC 8925.
 */
function ipv6OnlyWait(
  { message }: Reply,
  { held }: Memory,
  { ipv6Mostly }: Policy,
): Millis | undefined {
  const seconds = message.options.get(OPTIONS.ipv6Only);
  if (!ipv6Mostly || held !== undefined || seconds === undefined) return undefined;
  return Math.max(seconds, MIN_IPV6_ONLY_WAIT) * SECOND;
}

/** Waits without an address, as the network asked. */
function standDown(memory: Memory, wait: Millis, { now }: Event): Step {
  const said = report('info', 'ipv6.only', { seconds: wait / SECOND });
  const next = { ...memory, watch: undefined };
  return [{ tag: 'init', memory: next, wakeAt: now + wait }, [said, { tag: 'stand-down' }]];
}
