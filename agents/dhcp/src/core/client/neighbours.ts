import type { Lease } from '../lease/lease.ts';
import { unusedAddress } from '../lease/network.ts';
import { announcement, type ArpPacket, probe } from '../wire/arp.ts';
import { type Event, type Policy, report, type State, type Step, withMemory } from './model.ts';
import { dismissDoubt, isConflict, mayDefend, startDoubt, type Watch } from './watch.ts';
import { isAtStake, yieldAddress } from './yielding.ts';

/** Reacts to ARP of other hosts, in every state: the gateway replies, or a host has the watched address. */
export function onArp(state: State, packet: ArpPacket, event: Event, policy: Policy): Step {
  const { held, watch } = state.memory;
  // The kernel replies on every link for the addresses of all.
  if (policy.surroundings?.macs.has(packet.senderMac) === true) return [state, []];
  if (packet.operation === 'reply' && packet.sender === held?.lease.gateways[0]) {
    return onGateway(state, packet.senderMac);
  }
  if (watch === undefined) return [state, []];
  if (watch.doubt?.mac === packet.senderMac) return onDoubted(state, watch, packet);
  return onClaim(state, watch, packet, event, policy);
}

function onClaim(
  state: State,
  watch: Watch,
  packet: ArpPacket,
  event: Event,
  policy: Policy,
): Step {
  const isOthers = isConflict(watch, packet, policy.identity.mac, state.tag === 'probing');
  const isEmpty = !policy.strictRfc && isHarmless(state, watch, packet);
  if (!isOthers || isEmpty) return [state, []];
  if (watch.settled && !isAtStake(state)) return defend(state, watch, packet, event, policy);
  return doubt(state, watch, packet, event, policy);
}

/** Asks a host that claims the address for one that nobody has. Two hosts that claim it are no proxy. */
function doubt(state: State, watch: Watch, packet: ArpPacket, event: Event, policy: Policy): Step {
  const control = controlAddress(state);
  if (watch.doubt !== undefined || policy.strictRfc || control === undefined) {
    return yieldAddress(state, watch.address, packet.senderMac, event, policy);
  }
  const doubting = withMemory(state, { watch: startDoubt(watch, packet.senderMac, event.now) });
  return [doubting, [{ tag: 'arp', packet: probe(policy.identity.mac, control) }]];
}

/** Hears a doubted host: it claims every address if it claims one that nobody has. */
function onDoubted(state: State, watch: Watch, { sender, senderMac }: ArpPacket): Step {
  if (sender !== controlAddress(state)) return [state, []];
  const said = report('warn', 'arp.proxy', { address: watch.address, mac: senderMac });
  return [withMemory(state, { watch: dismissDoubt(watch, senderMac) }), [said]];
}

/**
 * Returns whether a claim means nothing: the DHCP server and the gateway reply in others' place on some networks, and
 * nobody shares the wire of an address that is alone in its subnet.
 */
function isHarmless(state: State, { proxies }: Watch, { senderMac }: ArpPacket): boolean {
  const { serverMac, gatewayMac } = state.memory.network;
  const offering = state.tag === 'requesting' ? state.offer.reply.sourceMac : undefined;
  return (
    [...proxies, serverMac, gatewayMac, offering].includes(senderMac) ||
    watchedLease(state)?.prefix === 32
  );
}

/** Returns the lease whose address is watched. */
function watchedLease(state: State): Lease | undefined {
  if (state.tag === 'probing') return state.candidate.lease;
  const { watch, held } = state.memory;
  const offered = state.tag === 'requesting' ? state.offer.lease : undefined;
  return [offered, held?.lease].find((lease) => lease?.address === watch?.address);
}

function controlAddress(state: State): string | undefined {
  const lease = watchedLease(state);
  if (lease === undefined) return undefined;
  const { address, prefix, server = address, gateways, fallbackRouter = address, dns } = lease;
  return unusedAddress(address, prefix, [server, ...gateways, fallbackRouter, ...dns]);
}

/** Returns the addresses whose ARP replies the client heeds beside those for the watched one. */
export const heededNeighbours = (state: State): string[] =>
  [state.memory.held?.lease.gateways[0], controlAddress(state)].filter(
    (each) => each !== undefined,
  );

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

/** Announces the address again, now and then: a node does not give up its only address. RFC 5227 §2.4 (c). */
function defend(
  state: State,
  watch: Watch,
  { senderMac }: ArpPacket,
  event: Event,
  policy: Policy,
): Step {
  if (!mayDefend(watch, event.now)) return [state, []];
  const said = report('warn', 'conflict', { address: watch.address, mac: senderMac });
  const packet = announcement(policy.identity.mac, watch.address);
  const next = withMemory(state, { watch: { ...watch, defendedAt: event.now } });
  return [next, [said, { tag: 'arp', packet }]];
}
