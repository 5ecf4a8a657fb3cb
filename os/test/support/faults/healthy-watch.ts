import * as v from 'valibot';

import type { SeenEvent } from '../../../src/lab/qemu/console.ts';

/** Levels at which a part of a node says that it cannot do something. */
const OF_FAULTS = new Set(['error', 'fatal']);

/** Returns whether a line of the console is about a fault: one of the diagnosis, or one that a part tells itself. */
export const tellsFault = ({ ev, lvl }: Pick<SeenEvent, 'ev' | 'lvl'>): boolean =>
  ev === 'fault' || OF_FAULTS.has(lvl);

/** Returns what a console said, in one line for people: how much, and each warning by its count. */
export function summaryOf(events: readonly SeenEvent[]): string {
  const counts = new Map<string, number>();
  for (const { agent, ev, lvl } of events) {
    const name = `${agent} ${ev}`;
    if (lvl === 'warn') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const warnings = [...counts].map(([name, count]) => (count === 1 ? name : `${name} ×${count}`));
  return `${events.length} lines, warnings: ${warnings.join(', ') || 'none'}`;
}

const Node = v.object({
  status: v.object({
    conditions: v.array(v.object({ type: v.string(), status: v.string(), reason: v.string() })),
  }),
});

/** Returns status and reason of the conditions of a Node that the diagnosis keeps. */
export const diagnosedConditions = (node: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    v
      .parse(Node, node)
      .status.conditions.filter(({ type }) => type.startsWith('Kios'))
      .map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );

const Events = v.object({
  items: v.array(
    v.object({
      type: v.string(),
      message: v.optional(v.string(), ''),
      source: v.optional(v.object({ component: v.optional(v.string(), '') })),
    }),
  ),
});

/** Returns the messages of the Events by which the diagnosis has told faults. */
export const faultEvents = (list: unknown): readonly string[] =>
  v
    .parse(Events, list)
    .items.filter(
      ({ type, source }) => type === 'Warning' && source?.component === 'kios-bootstrap',
    )
    .map(({ message }) => message);
