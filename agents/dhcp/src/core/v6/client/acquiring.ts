import type { Millis } from '../../client/timing.ts';
import { associationOf, grantedIn, type Lease6, newLease } from '../lease/lease.ts';
import { STATUS } from '../wire/codec.ts';
import type { IaAddress, IaNa } from '../wire/identity-association.ts';
import { type Message6, TYPE6 } from '../wire/message.ts';
import { OPTIONS6 } from '../wire/options.ts';
import { beginExchange } from './exchange.ts';
import {
  type Effect6,
  type Event6,
  type Exchanging6,
  type Memory6,
  type Offer6,
  type Policy6,
  report6,
  type Step6,
} from './model.ts';
import { settle, startOver } from './start.ts';

/** A server with this preference is taken at once. RFC 8415 §18.2.1. */
const BEST = 255;

/** SOLICIT: collects offers until the first wait is over, then takes the first. RFC 8415 §18.2.1, §18.2.9. */
export function onSolicited(
  state: Exchanging6,
  message: Message6,
  event: Event6,
  policy: Policy6,
): Step6 {
  if (message.type === TYPE6.reply) {
    const rapid = policy.rapidCommit && message.options.get(OPTIONS6.rapidCommit) === true;
    return rapid ? onGrant(state, message, event, policy) : [state, []];
  }
  const offer = readOffer(message, state.memory, event, policy);
  if (offer === undefined) return [state, []];
  const best = better(state.offer, offer);
  const collecting = state.exchange.attempt === 1 && best.preference < BEST;
  return collecting
    ? [{ ...state, offer: best }, []]
    : beginExchange('requesting', state.memory, best, event, policy);
}

function better(known: Offer6 | undefined, offer: Offer6): Offer6 {
  if (known === undefined || offer.preference > known.preference) return offer;
  const more = offer.addresses.length > known.addresses.length;
  return offer.preference === known.preference && more ? offer : known;
}

/** An offer without a usable address is none. */
function readOffer(
  message: Message6,
  memory: Memory6,
  event: Event6,
  { identity }: Policy6,
): Offer6 | undefined {
  const ia = associationOf(message, identity.iaid);
  const server = message.options.get(OPTIONS6.serverId);
  if (ia === undefined || server === undefined || statusOf(message, ia) !== STATUS.success) {
    return undefined;
  }
  const addresses = allowed(ia, memory, event);
  const preference = message.options.get(OPTIONS6.preference) ?? 0;
  return addresses.length === 0 ? undefined : { server, preference, addresses };
}

const allowed = (ia: IaNa, memory: Memory6, { now }: Event6): Offer6['addresses'] =>
  undeclined(grantedIn(ia), memory, now);

/** Leaves out addresses that another host was seen with a short while ago. */
export const undeclined = (
  addresses: readonly IaAddress[],
  { declined }: Memory6,
  now: Millis,
): readonly IaAddress[] =>
  addresses.filter(
    ({ address }) => !declined.some((each) => each.address === address && now < each.until),
  );

/** The status of the message, or of the IA in it. */
export function statusOf({ options }: Message6, ia: IaNa | undefined): number {
  const whole = options.get(OPTIONS6.statusCode)?.code ?? STATUS.success;
  return whole === STATUS.success ? (ia?.status?.code ?? STATUS.success) : whole;
}

/**
 * REQUEST, or SOLICIT with rapid commit: a grant binds. A server in trouble is asked again when the wait is over, one
 * that has nothing for us, or for this link, is left. RFC 8415 §18.2.10.1.
 */
export function onGrant(
  state: Exchanging6,
  message: Message6,
  event: Event6,
  { identity }: Policy6,
): Step6 {
  if (message.type !== TYPE6.reply) return [state, []];
  const ia = associationOf(message, identity.iaid);
  const status = statusOf(message, ia);
  // Messages are never unicast, so the same message again is all there is to do for UseMulticast.
  if (status === STATUS.unspecFail || status === STATUS.useMulticast) return [state, []];
  const addresses = ia === undefined ? [] : allowed(ia, state.memory, event);
  if (status === STATUS.success && ia !== undefined && addresses.length > 0) {
    return bind(state.memory, newLease(message, ia, addresses, event.now));
  }
  // A Solicit may still get another server's offer.
  if (state.tag === 'soliciting') return [state, []];
  const said = report6('warn', 'lease6.refused', { status });
  return [startOver(state.memory, event), [said]];
}

/** Takes a lease into use. Servers that are satisfied reset the pause after refusals. */
export function bind(memory: Memory6, lease: Lease6): Step6 {
  const previous = memory.lease;
  const effects: Effect6[] = [{ tag: 'bind', lease, previous }];
  if (previous === undefined) {
    const addresses = lease.addresses.map(({ address }) => address);
    effects.push(report6('info', 'lease6.bound', { addresses, server: lease.server }));
  }
  return [settle({ ...memory, failures: 0 }, lease), effects];
}

/** Goes on with a lease of an earlier boot or carrier. The kernel may have lost its addresses meanwhile. */
export const useAgain = (memory: Memory6, lease: Lease6): Step6 => [
  settle(memory, lease),
  [{ tag: 'bind', lease, previous: lease }],
];

/**
 * CONFIRM: any server may say that the addresses fit the link, or that they do not, some of them in the IA.
 * RFC 8415 §18.2.10.3.
 */
export function onConfirmed(
  state: Exchanging6,
  message: Message6,
  event: Event6,
  { identity }: Policy6,
): Step6 {
  const { memory } = state;
  const { lease } = memory;
  if (message.type !== TYPE6.reply || lease === undefined) return [state, []];
  const status = statusOf(message, associationOf(message, identity.iaid));
  if (status === STATUS.success) return useAgain(memory, lease);
  if (status !== STATUS.notOnLink) return [state, []];
  const said = report6('warn', 'lease6.refused', { status });
  const without = { ...memory, lease: undefined };
  return [startOver(without, event), [{ tag: 'unbind', lease }, said]];
}
