import type { Reached } from './plan.ts';

/** The folders of a path, which differ from run to run. */
const FOLDER = /\/\S*\//g;

/** Says how far a program comes beside the same under the runtime that ships. */
export function verdictOf(reached: Reached | undefined, shipped: Reached | undefined): string {
  if (reached === undefined || shipped === undefined) return 'not started';
  const missing = shipped.events.filter((event) => !reached.events.includes(event));
  const rests = (reached.memory === undefined) === (shipped.memory === undefined);
  if (missing.length === 0 && rests) return 'as it ships';
  const last = reached.events.at(-1);
  const after = last === undefined ? 'no event' : `up to ${last}`;
  const why = reached.ended?.replaceAll(FOLDER, '') ?? `rests without ${missing.join(', ')}`;
  return `${after}: ${why}`;
}
