import { startAcquiring } from './acquiring.ts';
import type { Effect, Event, Handlers, Memory, Policy, State, Step, Waiting } from './model.ts';
import { startWatch } from './watch.ts';

/** The link has no carrier: a lease is kept, and its expiry and repair go on. */
export const WAITING: Handlers<Waiting> = { carrier: onCarrier };

function onCarrier({ memory }: Waiting, event: Event, policy: Policy): Step {
  const { held, watch } = memory;
  const restarted =
    watch?.settled === false ? startWatch(watch.address, watch.pace, event.now, 0) : watch;
  // Taking a link down removes its routes.
  const back: Effect[] = held === undefined ? [] : [{ tag: 'repair', held }];
  // The cable may lead to another network now: the held address is asked for again, and kept meanwhile.
  const up = { ...memory, upSince: event.now, watch: restarted };
  const [next, effects] = startAcquiring(up, event, policy);
  return [next, [...back, ...effects]];
}

/** Returns to `waiting` from any state. A granted address that was still being probed is asked for next time. */
export function onCarrierLost(state: State): Step {
  const { memory } = state;
  const hint = state.tag === 'probing' ? state.candidate.lease.address : memory.hint;
  const { watch } = memory;
  const kept: Memory = {
    ...memory,
    hint,
    watch: watch && { ...watch, dueAt: undefined, doubt: undefined },
  };
  return [{ tag: 'waiting', memory: kept }, []];
}
