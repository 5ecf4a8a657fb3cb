import { announcement, type ArpPacket, question } from '../wire/arp.ts';
import {
  type Effect,
  type Event,
  isHolding,
  type NetworkMemory,
  type Memory,
  memoryOf,
  type Policy,
  report,
  type State,
  type Step,
} from './model.ts';
import { decline } from './requests.ts';
import { conflictDelay, type Millis } from './timing.ts';
import {
  advanceWatch,
  isConflict,
  mayDefend,
  settledWatch,
  startWatch,
  type Watch,
} from './watch.ts';

const REFUSE_FOR = 10 * 60 * 1000;

/** Whether another host was seen with the address a short while ago. */
export const isRefused = ({ declined }: NetworkMemory, address: string, now: Millis): boolean =>
  declined.some((each) => each.address === address && now < each.until);

/** The watch of the address that is held: a promised one that came to nothing is no longer watched. */
export function ownWatch({ held, watch }: Memory, { arp }: Policy): Watch | undefined {
  if (arp === 'none' || held === undefined) return undefined;
  const { address } = held.lease;
  return watch?.address === address ? watch : settledWatch(address, arp);
}

/** The watch for an address that was promised or granted, and its first packet. One in use already is not probed for. */
export function watchFor(
  memory: Memory,
  address: string,
  { now, jitter }: Event,
  { arp, identity }: Policy,
): readonly [watch: Watch | undefined, effects: readonly Effect[]] {
  if (arp === 'none') return [undefined, []];
  if (memory.watch?.address === address) return [memory.watch, []];
  if (memory.held?.lease.address === address) return [settledWatch(address, arp), []];
  const watch = startWatch(address, arp, now, jitter);
  if (watch.dueAt !== now) return [watch, []];
  const [next, packet] = advanceWatch(watch, identity.mac, now, jitter);
  return [next, [{ tag: 'arp', packet }]];
}

/** Sends the probe or announcement that is due. */
export function advance(state: State, event: Event, policy: Policy): Step {
  const { watch } = state;
  if (watch?.dueAt === undefined || event.now < watch.dueAt) return [state, []];
  const { mac } = policy.identity;
  const [next, packet] = advanceWatch(watch, mac, event.now, event.jitter);
  const sent: Effect = { tag: 'arp', packet };
  if (watch.settled || !next.settled) return [{ ...state, watch: next }, [sent]];
  const network = { ...state.network, conflicts: 0 };
  return [{ ...state, network, watch: next }, [sent, ...settled(state, policy)]];
}

/** Nobody else has the address: time to learn who the gateway is, to know the network again by it. */
function settled({ held, watch }: Memory, { identity }: Policy): Effect[] {
  if (held === undefined || held.lease.address !== watch?.address) return [];
  const { address, gateways } = held.lease;
  const asked = gateways.slice(0, 1).map((gateway) => question(identity.mac, address, gateway));
  return [{ tag: 'remember', held }, ...asked.map((packet) => ({ tag: 'arp', packet }) as const)];
}

export function onArp(state: State, packet: ArpPacket, event: Event, policy: Policy): Step {
  const { held, watch } = state;
  const { mac } = policy.identity;
  if (packet.operation === 'reply' && packet.sender === held?.lease.gateways[0]) {
    return onGateway(state, packet.senderMac);
  }
  if (watch === undefined) return [state, []];
  const inUse = held?.lease.address === watch.address;
  if (!isConflict(watch, packet, mac, inUse)) return [state, []];
  const said = report('warn', 'conflict', { address: watch.address, mac: packet.senderMac });
  if (state.warnKeptAt !== undefined && inUse) return surrender(state, said);
  if (!watch.settled) return declineAddress(state, watch.address, said, event, policy);
  return defend(state, watch, said, event, policy);
}

function onGateway(state: State, gatewayMac: string): Step {
  if (state.tag === 'rebooting' && state.network.gatewayMac !== undefined) {
    return [{ ...state, sameNetwork: state.network.gatewayMac === gatewayMac }, []];
  }
  if (state.held === undefined || state.network.gatewayMac === gatewayMac) return [state, []];
  const next = { ...state, network: { ...state.network, gatewayMac } };
  return [next, [{ tag: 'remember', held: state.held }]];
}

/** The lease has run out and somebody else has the address: it is theirs. */
function surrender(state: State, said: Effect): Step {
  const { held } = state;
  if (held === undefined || isHolding(state)) return [state, []];
  const gone = { held: undefined, warnKeptAt: undefined, hint: undefined, watch: undefined };
  return [{ ...state, ...gone }, [said, { tag: 'unbind', held }]];
}

function declineAddress(
  state: State,
  address: string,
  said: Effect,
  event: Event,
  policy: Policy,
): Step {
  const lost = state.held?.lease.address === address ? state.held : undefined;
  const conflicts = state.network.conflicts + 1;
  const declined = [
    ...state.network.declined.filter((each) => each.address !== address && event.now < each.until),
    { address, until: event.now + REFUSE_FOR },
  ];
  const memory: Memory = {
    ...memoryOf(state),
    held: lost === undefined ? state.held : undefined,
    hint: undefined,
    network: { ...state.network, conflicts, declined },
    watch: undefined,
  };
  const next = { ...memory, watch: ownWatch(memory, policy) };
  const server = serverOf(state);
  const { degradeLevel } = state.network;
  const exchange = { xid: event.xid, secs: 0, degradeLevel, broadcast: false };
  const told: Effect[] =
    server === undefined
      ? []
      : [
          {
            tag: 'send',
            message: decline(policy.identity, exchange, address, server),
            target: undefined,
          },
          report('warn', 'decline', { address, server }),
        ];
  const gone: Effect[] = lost === undefined ? [] : [{ tag: 'unbind', held: lost }];
  const wakeAt = event.now + conflictDelay(conflicts);
  return [{ tag: 'init', ...next, wakeAt }, [said, ...gone, ...told]];
}

/** Who promised or granted the address that is being probed. */
function serverOf(state: State): string | undefined {
  if (state.tag === 'requesting') return state.offer.server;
  if (state.tag === 'probing') return state.candidate.lease.server;
  return state.held?.lease.server;
}

/** A node does not give up its only address: it insists, now and then. RFC 5227 §2.4 (c). */
function defend(state: State, watch: Watch, said: Effect, event: Event, policy: Policy): Step {
  if (!mayDefend(watch, event.now)) return [state, []];
  const packet = announcement(policy.identity.mac, watch.address);
  const next = { ...watch, defendedAt: event.now };
  return [{ ...state, watch: next }, [said, { tag: 'arp', packet }]];
}
