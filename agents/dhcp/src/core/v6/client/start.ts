import type { Millis } from '../../client/timing.ts';
import type { Lease6 } from '../lease/lease.ts';
import type { Event6, Memory6, Resting, State6 } from './model.ts';
import { failurePause, MAX_DELAY } from './timing.ts';

/** A client on a link without a carrier. A lease of an earlier run is confirmed once there is one. */
export const begin6 = (lease: Lease6 | undefined): State6 => rest(memoryOf(lease, false));

/** A client that takes over a lease already in the kernel of a link with a carrier: it sends nothing until T1. */
export const adopt6 = (lease: Lease6): State6 => settle(memoryOf(lease, true), lease);

const memoryOf = (lease: Lease6 | undefined, carrier: boolean): Memory6 => ({
  carrier,
  mode: 'off',
  lease,
  solMaxRt: undefined,
  infMaxRt: undefined,
  failures: 0,
  conflicts: 0,
  declined: [],
});

export const rest = (memory: Memory6): Resting => ({
  tag: 'resting',
  memory,
  next: undefined,
  wakeAt: Infinity,
});

/** Chooses what a client does that has just got its carrier, its mode or a lost lease, after `pause` at least. */
export function start(memory: Memory6, event: Event6, pause: Millis = 0): State6 {
  const next = nextOf(memory);
  if (next === undefined) return rest(memory);
  // Nodes that boot together do not ask in the same moment. RFC 8415 §18.2.1, §18.2.3, §18.2.6.
  return { tag: 'resting', memory, next, wakeAt: event.now + pause + event.random * MAX_DELAY };
}

/** A lease is confirmed whatever routers say meanwhile: they may not have spoken yet. RFC 8415 §18.2.12. */
function nextOf({ carrier, mode, lease }: Memory6): Resting['next'] {
  if (!carrier) return undefined;
  if (lease !== undefined) return 'confirming';
  if (mode === 'off') return undefined;
  return mode === 'stateful' ? 'soliciting' : 'informing';
}

/** Starts over after a refusal, each time after a longer pause; a lease that is held stays meanwhile. */
export function startOver(memory: Memory6, event: Event6): State6 {
  const failures = memory.failures + 1;
  const failed = { ...memory, failures };
  const wakeAt = event.now + failurePause(failures) + event.random * MAX_DELAY;
  const next = failed.mode === 'stateless' && !failed.lease ? 'informing' : 'soliciting';
  if (failed.mode === 'off' && !failed.lease) return rest(failed);
  return { tag: 'resting', memory: failed, next, wakeAt };
}

/** The state of a client that holds its lease and asks for nothing until T1. */
export const settle = (memory: Memory6, lease: Lease6): State6 => ({
  tag: 'bound',
  memory: { ...memory, lease },
  wakeAt: lease.t1At,
});
