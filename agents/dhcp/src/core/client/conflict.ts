import { announcement, type ArpPacket, question } from '../wire/arp.ts';
import {
  type BoundLease,
  type Effect,
  type Event,
  isHolding,
  type Memory,
  type Policy,
  withMemory,
  report,
  type State,
  type Step,
} from './model.ts';
import { decline } from './requests.ts';
import { conflictDelay } from './timing.ts';
import {
  advanceWatch,
  isConflict,
  mayDefend,
  settledWatch,
  startWatch,
  type Watch,
} from './watch.ts';

const REFUSE_FOR = 10 * 60 * 1000;

/** Begins or ends the watch that the state needs, then sends the probe or announcement that is due. */
export function detectConflicts(state: State, event: Event, policy: Policy): Step {
  const watch = watchFor(state, event, policy);
  const watching = watch === state.memory.watch ? state : withMemory(state, { watch });
  if (watch?.dueAt === undefined || event.now < watch.dueAt) return [watching, []];
  return advance(watching, watch, event, policy);
}

/** Returns the watch that a state needs. An address already in use is not probed for. */
function watchFor(state: State, event: Event, policy: Policy): Watch | undefined {
  const { held, watch } = state.memory;
  const address = addressToWatch(state, policy);
  if (policy.arp === 'none' || address === undefined) return undefined;
  if (watch?.address === address) return watch;
  // Probing for an offer begins with its first REQUEST. A watch that ended since does not begin again before the ACK.
  if (state.tag === 'requesting' && event.now > state.requestedAt) return watch;
  const inUse = address === held?.lease.address && !isHolding(state);
  return inUse
    ? settledWatch(address, policy.arp)
    : startWatch(address, policy.arp, event.now, event.jitter);
}

/** Under `full` an address is probed for only once it is granted, and so can be declined. */
function addressToWatch(state: State, { arp }: Policy): string | undefined {
  if (state.tag === 'probing') return state.candidate.lease.address;
  if (state.tag === 'requesting' && arp === 'fast') return state.offer.lease.address;
  return state.memory.held?.lease.address;
}

function advance(state: State, watch: Watch, event: Event, policy: Policy): Step {
  const { held, network } = state.memory;
  const [next, packet] = advanceWatch(watch, policy.identity.mac, event.now, event.jitter);
  const sent: Effect = { tag: 'arp', packet };
  if (watch.settled || !next.settled) return [withMemory(state, { watch: next }), [sent]];
  const free = withMemory(state, { watch: next, network: { ...network, conflicts: 0 } });
  if (held?.lease.address !== watch.address) return [free, [sent]];
  const questions = askGateway(held, policy);
  const asking = withMemory(free, { gatewayAsked: questions.length > 0 });
  return [asking, [sent, { tag: 'remember', held }, ...questions]];
}

/** Asks for the gateway's hardware address, to recognise the network by it later. */
function askGateway({ lease }: BoundLease, { identity }: Policy): Effect[] {
  const [gateway] = lease.gateways;
  if (gateway === undefined) return [];
  return [{ tag: 'arp', packet: question(identity.mac, lease.address, gateway) }];
}

/** Reacts to ARP of other hosts, in every state: the gateway replies, or a host has the watched address. */
export function onArp(state: State, packet: ArpPacket, event: Event, policy: Policy): Step {
  const { held, watch, warnKeptAt } = state.memory;
  const { mac } = policy.identity;
  if (packet.operation === 'reply' && packet.sender === held?.lease.gateways[0]) {
    return onGateway(state, packet.senderMac);
  }
  if (watch === undefined) return [state, []];
  const inUse = held?.lease.address === watch.address;
  if (!isConflict(watch, packet, mac, inUse)) return [state, []];
  const said = report('warn', 'conflict', { address: watch.address, mac: packet.senderMac });
  if (warnKeptAt !== undefined && inUse) return surrender(state, said);
  if (!watch.settled) return declineAddress(state, watch.address, said, event, policy);
  return defend(state, watch, said, event, policy);
}

function onGateway(state: State, gatewayMac: string): Step {
  const { held, network, gatewayAsked } = state.memory;
  if (state.tag === 'rebooting' && network.gatewayMac !== undefined) {
    return [{ ...state, sameNetwork: network.gatewayMac === gatewayMac }, []];
  }
  // Anybody may send any number of replies in the gateway's name, and each would be written to the disk.
  if (held === undefined || !gatewayAsked) return [state, []];
  const known = withMemory(state, { gatewayAsked: false, network: { ...network, gatewayMac } });
  return [known, network.gatewayMac === gatewayMac ? [] : [{ tag: 'remember', held }]];
}

/** Gives up an address whose lease has run out, because another host has it. */
function surrender(state: State, said: Effect): Step {
  const { held } = state.memory;
  if (held === undefined || isHolding(state)) return [state, []];
  const gone = { held: undefined, warnKeptAt: undefined, hint: undefined, watch: undefined };
  return [{ ...state, memory: { ...state.memory, ...gone } }, [said, { tag: 'unbind', held }]];
}

/** Gives back an address that another host turned out to have while it was probed for. */
function declineAddress(
  state: State,
  address: string,
  said: Effect,
  event: Event,
  policy: Policy,
): Step {
  const { held, network } = state.memory;
  const lost = held?.lease.address === address ? held : undefined;
  const conflicts = network.conflicts + 1;
  const declined = [
    ...network.declined.filter((each) => each.address !== address && event.now < each.until),
    { address, until: event.now + REFUSE_FOR },
  ];
  const memory: Memory = {
    ...state.memory,
    held: lost === undefined ? held : undefined,
    hint: undefined,
    network: { ...network, conflicts, declined },
    watch: undefined,
  };
  const gone: Effect[] = lost === undefined ? [] : [{ tag: 'unbind', held: lost }];
  const wakeAt = event.now + conflictDelay(conflicts);
  const sent = declineMessage(state, address, event, policy);
  return [{ tag: 'init', memory, wakeAt }, [said, ...gone, ...sent]];
}

function declineMessage(state: State, address: string, event: Event, policy: Policy): Effect[] {
  const server = promiserOf(state);
  if (server === undefined) return [];
  const { degradeLevel } = state.memory.network;
  const exchange = { xid: event.xid, secs: 0, degradeLevel, broadcast: false };
  const message = decline(policy.identity, exchange, address, server);
  return [
    { tag: 'send', message, target: undefined },
    report('warn', 'decline', { address, server }),
  ];
}

/** Returns the server that offered or granted the address that is being probed for. */
function promiserOf(state: State): string | undefined {
  if (state.tag === 'requesting') return state.offer.server;
  if (state.tag === 'probing') return state.candidate.lease.server;
  return state.memory.held?.lease.server;
}

/** Announces the address again, now and then: a node does not give up its only address. RFC 5227 §2.4 (c). */
function defend(state: State, watch: Watch, said: Effect, event: Event, policy: Policy): Step {
  if (!mayDefend(watch, event.now)) return [state, []];
  const packet = announcement(policy.identity.mac, watch.address);
  const next = withMemory(state, { watch: { ...watch, defendedAt: event.now } });
  return [next, [said, { tag: 'arp', packet }]];
}
