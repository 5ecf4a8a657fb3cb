import { conflictDelay } from '../../client/timing.ts';
import { associationOf, extendLease, type Lease6, serverDuid, wellFormed } from '../lease/lease.ts';
import { STATUS } from '../wire/codec.ts';
import { type Message6, TYPE6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';
import { bind, statusOf, undeclined } from './acquiring.ts';
import { beginExchange } from './exchange.ts';
import {
  type Effect6,
  type Event6,
  type Exchanging6,
  isExchanging,
  type Memory6,
  type Offer6,
  type Policy6,
  report6,
  type State6,
  type Step6,
} from './model.ts';
import { rest, settle, start, startOver } from './start.ts';

const DECLINED_FOR = 10 * 60 * 1000;
const MOST_DECLINED = 16;

/** RENEW asks the lease's server, REBIND any. RFC 8415 §18.2.4, §18.2.5. */
export function startExtending(memory: Memory6, event: Event6, policy: Policy6): Step6 {
  const tag = event.now < (memory.lease?.t2At ?? 0) ? 'renewing' : 'rebinding';
  return beginExchange(tag, memory, undefined, event, policy);
}

/** A reply that extends nothing leaves the lease and the exchange as they are. RFC 8415 §18.2.10.1. */
export function onExtended(
  state: Exchanging6,
  message: Message6,
  event: Event6,
  policy: Policy6,
): Step6 {
  const { memory } = state;
  const { lease } = memory;
  const server = lease && answering(state, message, lease);
  if (lease === undefined || server === undefined) return [state, []];
  const ia = associationOf(message, policy.identity.iaid);
  const status = statusOf(message, ia);
  if (status === STATUS.noBinding) {
    return beginExchange('requesting', memory, offerOf(lease, server), event, policy);
  }
  if (status !== STATUS.success || ia === undefined) return [state, []];
  const addresses = undeclined(wellFormed(ia), memory, event.now);
  if (addresses.length === 0) return [state, []];
  const extended = extendLease(lease, message, { ...ia, addresses }, event.now);
  return extended.addresses.length > 0 ? bind(memory, extended) : onLost(memory, lease, event);
}

/** The server that replies; undefined when it is not one that was asked. */
function answering({ tag }: Exchanging6, message: Message6, lease: Lease6): Uint8Array | undefined {
  const server = message.options.get(OPTIONS6.serverId);
  if (message.type !== TYPE6.reply || server === undefined) return undefined;
  return tag === 'rebinding' || isSame(server, serverDuid(lease)) ? server : undefined;
}

function onLost(memory: Memory6, lease: Lease6, event: Event6): Step6 {
  const said = report6('warn', 'lease6.lost', { addresses: textsOf(lease) });
  return [startOver({ ...memory, lease: undefined }, event), [{ tag: 'unbind', lease }, said]];
}

const textsOf = ({ addresses }: Lease6): string[] => addresses.map(({ address }) => address);

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

const offerOf = (
  lease: Lease6,
  server: Uint8Array,
  addresses: readonly string[] = textsOf(lease),
): Offer6 => ({
  server,
  preference: 0,
  addresses: addresses.map((address) => ({ address, preferredSeconds: 0, validSeconds: 0 })),
});

/** Takes away what has come to its end, in whatever state. */
export function expire6(state: State6, event: Event6): Step6 {
  const { memory } = state;
  const { lease } = memory;
  if (lease === undefined) return [state, []];
  const addresses = lease.addresses.filter(({ validUntil }) => validUntil > event.now);
  if (addresses.length === lease.addresses.length) return [state, []];
  if (addresses.length > 0) {
    const left = { ...lease, addresses };
    const next = { ...state, memory: { ...memory, lease: left } };
    return [next, [{ tag: 'bind', lease: left, previous: lease }]];
  }
  const without = { ...memory, lease: undefined };
  const said = report6('warn', 'lease6.expired', { addresses: textsOf(lease) });
  const gone: Effect6[] = [{ tag: 'unbind', lease }, said];
  // What is under way without the lease goes on.
  const goesOn = isExchanging(state)
    ? !needsLease(state)
    : state.tag === 'resting' && state.next !== 'confirming';
  return [goesOn ? { ...state, memory: without } : start(without, event), gone];
}

const needsLease = ({ tag }: Exchanging6): boolean =>
  tag === 'renewing' || tag === 'rebinding' || tag === 'confirming';

/** DECLINE: the address goes at once, and its server is told. RFC 8415 §18.2.8. */
export function onDuplicate(state: State6, address: string, event: Event6, policy: Policy6): Step6 {
  const { memory } = state;
  const { lease } = memory;
  if (lease === undefined || !textsOf(lease).includes(address)) return [state, []];
  const addresses = lease.addresses.filter((each) => each.address !== address);
  const left = addresses.length > 0 ? { ...lease, addresses } : undefined;
  const declined = [
    ...memory.declined.filter(({ until }) => until > event.now),
    { address, until: event.now + DECLINED_FOR },
  ].slice(-MOST_DECLINED);
  const next = { ...memory, lease: left, conflicts: memory.conflicts + 1, declined };
  const gone: Effect6 = left
    ? { tag: 'bind', lease: left, previous: lease }
    : { tag: 'unbind', lease };
  const said = report6('warn', 'conflict6', { address });
  const offer = offerOf(lease, serverDuid(lease), [address, ...pendingOf(state)]);
  if (!memory.carrier) return [{ ...state, memory: next }, [gone, said]];
  const [declining, effects] = beginExchange('declining', next, offer, event, policy);
  return [declining, [gone, said, ...effects]];
}

/** Addresses of a Decline that is not over yet. */
const pendingOf = (state: State6): readonly string[] =>
  state.tag === 'declining' ? (state.offer?.addresses.map(({ address }) => address) ?? []) : [];

/** After a Decline the rest of the lease is used, or another is asked for after a pause. */
export function afterDecline({ memory }: Exchanging6, event: Event6): State6 {
  return memory.lease === undefined
    ? start(memory, event, conflictDelay(memory.conflicts))
    : settle(memory, memory.lease);
}

/** RELEASE: the addresses go before their server is told. RFC 8415 §18.2.7. */
export function onRelease(state: State6, event: Event6, policy: Policy6): Step6 {
  const { lease, carrier } = state.memory;
  const memory: Memory6 = { ...state.memory, mode: 'off', lease: undefined };
  if (lease === undefined) return [rest(memory), []];
  const gone: Effect6 = { tag: 'unbind', lease };
  if (!carrier) return [rest(memory), [gone]];
  const offer = offerOf(lease, serverDuid(lease));
  const [releasing, effects] = beginExchange('releasing', memory, offer, event, policy);
  return [releasing, [gone, ...effects]];
}
