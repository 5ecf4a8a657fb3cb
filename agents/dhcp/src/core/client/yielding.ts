import {
  type Effect,
  type Event,
  isHolding,
  type Memory,
  type Policy,
  report,
  type State,
  type Step,
} from './model.ts';
import { decline } from './requests.ts';
import { conflictDelay } from './timing.ts';

const REFUSE_FOR = 10 * 60 * 1000;
const REMEDY = 'Use --arp=none if no other host has it: some network replies in its place.';

/** Gives up an address that another host has. */
export function yieldAddress(
  state: State,
  address: string,
  mac: string,
  event: Event,
  policy: Policy,
): Step {
  const said = report('warn', 'conflict', { address, mac });
  if (isAtStake(state)) return surrender(state, said);
  return declineAddress(state, address, said, event, policy);
}

/** The lease has run out, so that its address goes to whoever claims it. */
export const isAtStake = ({ memory: { held, watch, warnKeptAt } }: State): boolean =>
  warnKeptAt !== undefined && held?.lease.address === watch?.address;

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
    report('warn', 'decline', { address, server, remedy: REMEDY }),
  ];
}

/** Returns the server that offered or granted the address that is being probed for. */
function promiserOf(state: State): string | undefined {
  if (state.tag === 'requesting') return state.offer.server;
  if (state.tag === 'probing') return state.candidate.lease.server;
  return state.memory.held?.lease.server;
}
