import { step, wakeTime } from '../../src/core/client/machine.ts';
import type { Effect, Input, Policy, State } from '../../src/core/client/model.ts';
import { at } from './fixtures.ts';

export type Played = readonly [state: State, effects: readonly Effect[]];

/** Runs events in order. Returns the last state and the effects of the last event. */
export function play(
  start: State,
  events: readonly (readonly [now: number, input: Input])[],
  policy: Policy,
): Played {
  let last: Played = [start, []];
  for (const [now, input] of events) last = step(last[0], at(now, input), policy);
  return last;
}

/** Fires timers at the times that the client asks for, until `limit`. Returns the last state and all effects. */
export function letPass(start: State, limit: number, policy: Policy): Played {
  const effects: Effect[] = [];
  let state = start;
  for (let wake = wakeTime(state); wake !== undefined && wake <= limit; wake = wakeTime(state)) {
    const [next, more] = step(state, at(wake, { tag: 'timer' }), policy);
    effects.push(...more);
    state = next;
  }
  return [state, effects];
}
