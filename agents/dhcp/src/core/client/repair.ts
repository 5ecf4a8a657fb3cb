import { type Event, type State, type Step, withMemory } from './model.ts';

const REPAIR_INTERVAL = 1000;

/** Schedules a repair. Others may change much at once, and keep doing so: once a second is enough. */
export function onDisturbed(state: State, { now }: Event): Step {
  const { held, repair } = state.memory;
  if (held === undefined || repair.dueAt !== undefined) return [state, []];
  const dueAt = Math.max(now, repair.doneAt + REPAIR_INTERVAL);
  return [withMemory(state, { repair: { ...repair, dueAt } }), []];
}

/** Orders the repair that is due. */
export function repairIfDue(state: State, { now }: Event): Step {
  const { held, repair } = state.memory;
  if (repair.dueAt === undefined || now < repair.dueAt) return [state, []];
  const next = withMemory(state, { repair: { dueAt: undefined, doneAt: now } });
  return [next, held === undefined ? [] : [{ tag: 'repair', held }]];
}
