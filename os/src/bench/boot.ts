import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import type { Cli } from '../commands/cli.ts';
import { ensurePackages } from '../host/packages.ts';
import { repository } from '../host/paths.ts';
import { buildImage } from '../image/build.ts';
import type { ConsoleEvent } from '../qemu/console-line.ts';
import type { SeenEvent } from '../qemu/console.ts';
import { formatTable } from '../terminal/table.ts';
import { MILESTONES } from '../try-out/phases.ts';
import { baselineBoot } from './baseline.ts';
import { startBench } from './machine.ts';

const MEMORY_MIB = 2048;
/** A boot takes about a minute when the host has nothing else to do. */
const DEADLINE_MS = 900_000;
/** Wall time for the other pods to start and settle before memory is read; the guest's clock runs ahead meanwhile. */
const SETTLE_MS = 10_000;

/** What `bench boot --json` prints. Seconds are the guest's, since its kernel started. */
export interface BootResult {
  readonly firstStaticPodSeconds: number;
  readonly singlePodSeconds: number;
  /** The same pod on Debian with systemd; with `--baseline`. */
  readonly baselineSinglePodSeconds?: number;
  readonly memoryUsedMiB?: number;
  readonly efiBytes: number;
  readonly phases: Readonly<Record<string, number>>;
}

interface Measured {
  readonly seconds: number;
  readonly phases: Record<string, number>;
  readonly memoryUsedMiB: number | undefined;
}

const firstOf = (events: readonly SeenEvent[], reached: (event: SeenEvent) => boolean) =>
  events.find(reached)?.up;

const startOf =
  (agent: string) =>
  (event: ConsoleEvent): boolean =>
    event.agent === agent && event.ev === 'start';

async function measure(boot: readonly string[], agent: string): Promise<Measured> {
  await using machine = await startBench({ boot, memoryMiB: MEMORY_MIB });
  const { console } = machine;
  const first = await console.expect(`the first line of ${agent}`, startOf(agent), DEADLINE_MS);
  await sleep(SETTLE_MS);
  const memoryUsedMiB = await machine.memoryUsedMiB();
  const phases: Record<string, number> = {};
  for (const { name, reachedBy } of Object.values(MILESTONES)) {
    const up = firstOf(console.events, reachedBy);
    if (up !== undefined) phases[name] = up;
  }
  return { seconds: first.up, phases, memoryUsedMiB };
}

const Budgets = v.record(v.string(), v.object({ now: v.number(), goal: v.number() }));

/** The result beside the budgets of bench/budgets.json. */
async function tableOf(result: BootResult): Promise<string[][]> {
  const file = path.join(repository, 'bench', 'budgets.json');
  const budgets = v.parse(v.pipe(v.string(), v.parseJson(), Budgets), await readFile(file, 'utf8'));
  const measured = new Map<string, unknown>(Object.entries(result));
  const rows = Object.entries(budgets).map(([name, { now, goal }]) => {
    const value = measured.get(name);
    const shown = typeof value === 'number' ? String(value) : '-';
    const verdict = typeof value === 'number' && value > now ? 'over budget' : '';
    return [name, shown, String(now), String(goal), verdict];
  });
  return [['', 'measured', 'budget', 'goal', ''], ...rows];
}

interface BenchOptions {
  readonly json: boolean;
  readonly baseline: boolean;
}

/** What people read. */
async function report(result: BootResult, print: (line: string) => void): Promise<void> {
  const phases = Object.entries(result.phases).map(([name, at]) => [name, at.toFixed(3)]);
  for (const line of formatTable([['phase', 'guest s'], ...phases])) print(line);
  print('');
  for (const line of formatTable(await tableOf(result))) print(line);
  const { singlePodSeconds: kios, baselineSinglePodSeconds: debian } = result;
  if (debian === undefined) return;
  const rows = [
    ['kiOS', kios.toFixed(3), ''],
    ['Debian with systemd', debian.toFixed(3), `${(debian / kios).toFixed(1)} times`],
  ];
  print('');
  for (const line of formatTable([['a single pod', 'guest s', ''], ...rows])) print(line);
}

/** `kios bench boot`. */
export async function benchBoot(cli: Cli, { json, baseline }: BenchOptions): Promise<void> {
  const { progress, print } = cli;
  await ensurePackages(['build', 'machine', ...(baseline ? ['baseline' as const] : [])], progress);
  const shipped = await buildImage({ arch: 'amd64', progress });
  const manifests = path.join(repository, 'bench', 'manifests');
  const out = path.join(repository, 'dist', 'bench');
  const single = await buildImage({ arch: 'amd64', progress, manifests, out });
  const booted = (what: string, boot: readonly string[], agent: string): Promise<Measured> =>
    progress.task(`boot, ${what}`, () => measure(boot, agent));
  const all = await booted('everything shipped', ['-kernel', shipped.efi], 'dhcp');
  const one = await booted('a single pod', ['-kernel', single.efi], 'single');
  const debian = baseline
    ? await booted('a single pod on Debian', await baselineBoot(single.root, progress), 'single')
    : undefined;
  const result: BootResult = {
    firstStaticPodSeconds: all.seconds,
    singlePodSeconds: one.seconds,
    ...(debian === undefined ? {} : { baselineSinglePodSeconds: debian.seconds }),
    ...(all.memoryUsedMiB === undefined ? {} : { memoryUsedMiB: all.memoryUsedMiB }),
    efiBytes: (await stat(shipped.efi)).size,
    phases: all.phases,
  };
  if (json) print(JSON.stringify(result));
  else await report(result, print);
}
