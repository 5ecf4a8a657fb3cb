import { question } from '../wire/arp.ts';
import {
  type BoundLease,
  type Effect,
  type Event,
  isHolding,
  type Policy,
  withMemory,
  type State,
  type Step,
} from './model.ts';
import { advanceWatch, dismissDoubt, settledWatch, startWatch, type Watch } from './watch.ts';
import { yieldAddress } from './yielding.ts';

/** Begins or ends the watch that the state needs, then sends the probe or announcement that is due. */
export function detectConflicts(state: State, event: Event, policy: Policy): Step {
  const watch = watchFor(state, event, policy);
  const watching = watch === state.memory.watch ? state : withMemory(state, { watch });
  if (watch?.doubt !== undefined && event.now >= watch.doubt.until) {
    // The claim may have been there before its link was known as one of this host.
    if (policy.surroundings?.macs.has(watch.doubt.mac) === true) {
      return [withMemory(watching, { watch: dismissDoubt(watch, watch.doubt.mac) }), []];
    }
    return yieldAddress(watching, watch.address, watch.doubt.mac, event, policy);
  }
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
