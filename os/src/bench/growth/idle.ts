import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { IdleFacts, type Look } from '../../../guest/src/idle-facts.ts';
import { claimLab } from '../../lab/claim-lab.ts';
import { runOnHost } from '../../lab/debug-pod.ts';
import { down } from '../../lab/down.ts';
import { scriptCommand } from '../../lab/guest-program.ts';
import { formatDuration } from '../../workstation/terminal/duration.ts';
import { namesIn, ownersOf, PodList } from '../memory/owners.ts';
import { startRestingNode } from '../resting-node.ts';
import type { Rig } from './rig.ts';
import { type Found, measured, type Sample, type Series, type View } from './series.ts';
import { extrapolate, type Growth } from './trend.ts';

const MEMORY_MIB = 2048;
const CPUS = 2;
const LOOKS = 13;
const GRACE_SECONDS = 600;
const NOTE_MS = 10_000;
const HOUR = 3600;
const DAY_HOURS = 24;

const VIEW: View = {
  title: 'A joined node that has nothing to do',
  x: { title: 'minutes', kind: 'linear' },
  panels: [
    { title: 'seconds of processor time', lines: [measured('all processors', 'busySeconds')] },
    {
      title: 'thousands since the begin',
      lines: [
        measured('interrupts', 'thousandInterrupts'),
        measured('switches between threads', 'thousandSwitches'),
      ],
    },
    { title: 'MiB written to the disk', lines: [measured('written', 'writtenMiB')] },
    { title: 'MiB of memory in use, more than at the begin', lines: [measured('in use', 'usedMiB')] },
  ],
}; // prettier-ignore

const QUANTITIES = [
  'busySeconds',
  'interrupts',
  'switches',
  'writtenKiB',
  'writes',
  'usedKiB',
] as const satisfies readonly (keyof Look)[];
type Quantity = (typeof QUANTITIES)[number];

const hoursSince = (first: Look, look: Look): number => (look.seconds - first.seconds) / HOUR;

/** Returns the growth of each quantity in so many hours, if it goes on as between the looks. */
export function growthIn(hours: number, looks: readonly Look[]): Partial<Record<Quantity, Growth>> {
  const [first] = looks;
  if (first === undefined) return {};
  const found: Partial<Record<Quantity, Growth>> = {};
  for (const name of QUANTITIES) {
    const points = looks.map((look) => [hoursSince(first, look), look[name]] as const);
    const growth = extrapolate(points, hours);
    if (growth !== undefined) found[name] = growth;
  }
  return found;
}

/** Returns what was done since the first look. */
export function samplesOf(looks: readonly Look[]): Sample[] {
  const [first] = looks;
  if (first === undefined) return [];
  return looks.map((look) => ({
    x: Math.round(hoursSince(first, look) * 600) / 10,
    values: {
      busySeconds: look.busySeconds - first.busySeconds,
      thousandInterrupts: (look.interrupts - first.interrupts) / 1000,
      thousandSwitches: (look.switches - first.switches) / 1000,
      writtenMiB: (look.writtenKiB - first.writtenKiB) / 1024,
      usedMiB: (look.usedKiB - first.usedKiB) / 1024,
    },
  }));
}

const shown = (growth: Growth | undefined): string =>
  growth === undefined
    ? '-'
    : `${Number(growth.growth.toPrecision(4))} ± ${Number(growth.error.toPrecision(2))}`;

/** Returns rows with the growth in an hour and in a day; the error is that of a straight line through the looks. */
function rowsOf(looks: readonly Look[], wakeupsPerHour: number): string[][] {
  const [hour, day] = [growthIn(1, looks), growthIn(DAY_HOURS, looks)];
  return [
    ['', 'an hour', 'a day'],
    ...QUANTITIES.map((name) => [name, shown(hour[name]), shown(day[name])]),
    ['wakeups', String(Math.round(wakeupsPerHour)), String(Math.round(wakeupsPerHour * DAY_HOURS))],
  ];
} // prettier-ignore

/** Shows how long is left, until it is stopped. */
async function countDown(note: (detail: string) => void, seconds: number, stop: AbortSignal) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end && !stop.aborted;) {
    note(`${formatDuration(end - Date.now())} left`);
    await sleep(NOTE_MS, undefined, { signal: stop }).catch(() => {});
  }
} // prettier-ignore

async function measureIdle({ context }: Rig, minutes: number): Promise<Found> {
  const { progress } = context;
  using _ = await claimLab(progress);
  // Of its own, because other series follow.
  const undo = context.undo.use(new AsyncDisposableStack());
  const { up } = await startRestingNode({ ...context, undo }, { memoryMiB: MEMORY_MIB, cpus: CPUS });
  const pods = v.parse(PodList, await up.kubectl.get('pods', '--all-namespaces'));
  const seconds = minutes * 60;
  const command = await scriptCommand('watch-idle', {
    everySeconds: seconds / (LOOKS - 1),
    looks: LOOKS,
  });
  const output = await progress.task(`the idle node, ${minutes} minutes`, async (note) => {
    const stop = new AbortController();
    void countDown(note, seconds, stop.signal);
    return runOnHost(up.kubectl, {
      nodeName: up.nodeName,
      command,
      capabilities: ['SYS_PTRACE', 'DAC_READ_SEARCH'],
      seconds: seconds + GRACE_SECONDS,
    }).finally(() => stop.abort());
  });
  const { looks, probe, processes } = v.parse(v.pipe(v.string(), v.parseJson(), IdleFacts), output);
  await undo.disposeAsync();
  await down(progress, { purge: true });
  const owners = ownersOf(processes, namesIn(pods), probe);
  const wakeups = processes.reduce((sum, process) => sum + process.wakeups, 0);
  const wakeupsPerHour = (wakeups / minutes) * 60;
  return {
    samples: samplesOf(looks),
    rows: rowsOf(looks, wakeupsPerHour),
    details: {
      minutes,
      accelerator: up.boot.accelerator,
      machine: { memoryMiB: MEMORY_MIB, cpus: CPUS },
      perHour: growthIn(1, looks),
      perDay: growthIn(DAY_HOURS, looks),
      wakeupsPerHour,
      processes: processes
        .toSorted((one, other) => other.wakeups - one.wakeups)
        .map(({ cgroup: _cgroup, ...rest }) => ({ ...rest, of: owners.get(rest.pid)?.name ?? '' })),
    },
  };
} // prettier-ignore

/** What a node does, writes and gains while nobody uses it. */
export const idleSeries = (rig: Rig, minutes: number): Series => ({
  view: VIEW,
  steps: [{ key: `${minutes} minutes`, measure: () => measureIdle(rig, minutes) }],
});
