import type { SeenEvent } from './qemu/console.ts';

/** A step of the boot and the time at which it ended. */
export interface Phase {
  readonly name: string;
  /** Seconds since power-on; undefined when the step was not seen. */
  readonly at: number | undefined;
}

interface Milestone {
  readonly name: string;
  readonly reachedBy: (event: SeenEvent) => boolean;
}

const is =
  (agent: string, ev: string) =>
  (event: SeenEvent): boolean =>
    event.agent === agent && event.ev === ev;

/** From here on kubelet works for a cluster; before that it ran only the static pods. */
const joined = (event: SeenEvent): boolean =>
  is('init', 'kubelet.start')(event) && event.fields['mode'] === 'cluster';

/** The steps of docs/host-api.md, section 7, in the order in which a first boot reaches them. */
export const MILESTONES = {
  kernel: { name: 'kernel', reachedBy: is('init', 'init.start') },
  init: { name: 'init', reachedBy: is('init', 'containerd.start') },
  runtime: { name: 'runtime', reachedBy: is('init', 'containerd.ready') },
  firstPod: { name: 'first static pod', reachedBy: is('dhcp', 'start') },
  lease: { name: 'lease', reachedBy: is('dhcp', 'lease.bound') },
  clock: { name: 'clock', reachedBy: is('chrony-config', 'clock.sane') },
  joined: { name: 'joined', reachedBy: joined },
} as const satisfies Record<string, Milestone>;

/**
 * Estimates when the guest's kernel started, in milliseconds of the workstation's time. Each event gives an estimate:
 * its time minus its age. Events are seen late, so the earliest estimate is the best.
 */
export function kernelStart(events: readonly SeenEvent[]): number | undefined {
  const starts = events
    .filter((event) => Number.isFinite(event.up))
    .map((event) => event.seenAt - event.up * 1000);
  return starts.length === 0 ? undefined : Math.min(...starts);
}

/**
 * Returns the phases of a boot from its console events. `poweredOnAt` and `readyAt`, the time at which the API server
 * reported the node Ready, are milliseconds of the workstation's time.
 */
export function phasesOf(
  events: readonly SeenEvent[],
  poweredOnAt: number,
  readyAt?: number,
): Phase[] {
  const started = kernelStart(events);
  const firmware = started === undefined ? undefined : (started - poweredOnAt) / 1000;
  const times = Object.values(MILESTONES).map(({ name, reachedBy }): Phase => {
    const event = events.find(reachedBy);
    const known = event !== undefined && firmware !== undefined;
    return { name, at: known ? firmware + event.up : undefined };
  });
  const ready = readyAt === undefined ? undefined : (readyAt - poweredOnAt) / 1000;
  return [{ name: 'firmware', at: firmware }, ...times, { name: 'Ready', at: ready }];
}

const seconds = (value: number): string => value.toFixed(1).padStart(7);

/** Returns rows for `formatTable`: phase, seconds since power-on, seconds since the previous reached phase. */
export function phaseRows(phases: readonly Phase[]): string[][] {
  const reached = phases
    .filter((phase): phase is Phase & { at: number } => phase.at !== undefined)
    .toSorted((a, b) => a.at - b.at);
  const rows = reached.map(({ name, at }, index) => [
    name,
    seconds(at),
    seconds(at - (reached[index - 1]?.at ?? 0)),
  ]);
  const missing = phases.filter(({ at }) => at === undefined).map(({ name }) => [name, '      -']);
  return [['phase', 'at (s)'.padStart(7), 'took (s)'], ...rows, ...missing];
}
