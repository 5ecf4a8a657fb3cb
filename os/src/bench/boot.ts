import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { buildImage } from '../build/image/build-image.ts';
import type { OciRuntime } from '../build/image/oci-runtime.ts';
import { DEFAULT_KERNEL, type KernelName, KERNELS } from '../build/kernel/kernel-name.ts';
import { MILESTONES } from '../lab/phases.ts';
import type { ConsoleEvent } from '../lab/qemu/console-line.ts';
import type { SeenEvent } from '../lab/qemu/console.ts';
import { openEmulator } from '../lab/qemu/emulator.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { repository } from '../workstation/paths.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { baselineBoot } from './baseline.ts';
import { startBench } from './machine.ts';
import { settledMemory } from './settled.ts';

const MEMORY_MIB = 2048;
/** A boot takes about a minute on an idle workstation. */
const DEADLINE_MS = 900_000;

/** Results of one kernel. Seconds count by the guest's clock from the start of its kernel. */
export interface KernelResult {
  readonly firstStaticPodSeconds: number;
  readonly singlePodSeconds: number;
  readonly memoryUsedMiB?: number;
  readonly singlePodMemoryUsedMiB?: number;
  readonly efiBytes: number;
  readonly phases: Readonly<Record<string, number>>;
}

/** Output of `bench boot --json`: the results of the kernel that nodes boot, and of each kernel measured. */
interface BootResult extends KernelResult {
  readonly kernels: Readonly<Partial<Record<KernelName, KernelResult>>>;
  /** The single pod on Debian with systemd; only with `--baseline`. */
  readonly baselineSinglePodSeconds?: number;
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

/** How to boot, the agent whose first line ends the measurement, and the event after which memory is read. */
interface Subject {
  readonly boot: readonly string[];
  readonly memoryMiB?: number;
  readonly agent: string;
  readonly settlesAfter?: (event: SeenEvent) => boolean;
}

/** Boots once and returns what was measured. */
export async function measure(
  { undo }: CommandContext,
  { boot, memoryMiB = MEMORY_MIB, agent, settlesAfter }: Subject,
): Promise<Measured> {
  await using machine = await startBench({ boot, memoryMiB }, undo);
  const { console } = machine;
  const first = await console.expect(`the first line of ${agent}`, startOf(agent), DEADLINE_MS);
  if (settlesAfter !== undefined)
    await console.expect('the last program’s start', settlesAfter, DEADLINE_MS);
  const memoryUsedMiB =
    settlesAfter === undefined ? undefined : await settledMemory(machine.memoryUsedMiB);
  const phases: Record<string, number> = {};
  for (const { name, reachedBy } of Object.values(MILESTONES)) {
    const up = firstOf(console.events, reachedBy);
    if (up !== undefined) phases[name] = up;
  }
  return { seconds: first.up, phases, memoryUsedMiB };
}

const Budgets = v.record(v.string(), v.object({ now: v.number(), goal: v.number() }));

/** Returns rows of the result beside the budgets of bench/budgets.json. */
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
  /** The only kernel to measure; default: all. */
  readonly kernel?: KernelName | undefined;
}

const seconds = (value: number | undefined): string => value?.toFixed(3) ?? '-';

/** Returns results side by side, as the rows of a table. The title of each is its name. */
export function resultRows(results: Readonly<Record<string, KernelResult>>): string[][] {
  const all = Object.values(results);
  const names = [...new Set(all.flatMap(({ phases }) => Object.keys(phases)))];
  const row = (title: string, of: (result: KernelResult) => string): string[] => [
    title,
    ...all.map(of),
  ];
  return [
    ['guest s', ...Object.keys(results)],
    ...names.map((name) => row(name, ({ phases }) => seconds(phases[name]))),
    row('a single pod', ({ singlePodSeconds }) => seconds(singlePodSeconds)),
    row('MiB used', ({ memoryUsedMiB }) => String(memoryUsedMiB ?? '-')),
    row('MiB used, a single pod', ({ singlePodMemoryUsedMiB }) =>
      String(singlePodMemoryUsedMiB ?? '-'),
    ),
    row('MB of EFI file', ({ efiBytes }) => (efiBytes / 1e6).toFixed(1)),
  ];
}

/** Prints the result as tables. */
async function report(result: BootResult, print: (line: string) => void): Promise<void> {
  const kernels = Object.entries(result.kernels);
  const titled = kernels.map(([name, kernel]) => [`kernel ${name}`, kernel] as const);
  const rows = resultRows(Object.fromEntries(titled));
  for (const line of formatTable(rows)) print(line);
  print('');
  for (const line of formatTable(await tableOf(result))) print(line);
  const { singlePodSeconds: kios, baselineSinglePodSeconds: debian } = result;
  if (debian === undefined) return;
  print('');
  const compared = [
    ['kiOS', kios.toFixed(3), ''],
    ['Debian with systemd', debian.toFixed(3), `${(debian / kios).toFixed(1)} times`],
  ];
  for (const line of formatTable([['a single pod', 'guest s', ''], ...compared])) print(line);
}

interface Bench {
  readonly result: KernelResult;
  /** Path of the root file system of the image with the single pod. */
  readonly singleRoot: string;
}

/** Builds the image of a kernel with everything shipped, and with a single pod, and boots both. */
export async function benchKernel(
  kernel: KernelName,
  context: CommandContext,
  ociRuntime: OciRuntime = 'runc',
): Promise<Bench> {
  const { progress } = context;
  const kind = ociRuntime === 'runc' ? kernel : `${kernel}-${ociRuntime}`;
  const out = path.join(repository, 'dist', `bench-${kind}`);
  const image = { arch: 'amd64', kernel, ociRuntime, progress } as const;
  const shipped = await buildImage({ ...image, out });
  const single = await buildImage({
    ...image,
    manifests: path.join(repository, 'bench', 'manifests'),
    out: path.join(out, 'single'),
  });
  const title = `boot, kernel ${kind}`;
  const all = await progress.task(`${title}, everything shipped`, () =>
    measure(context, {
      boot: ['-kernel', shipped.efi],
      agent: 'dhcp',
      settlesAfter: MILESTONES.clock.reachedBy,
    }),
  );
  const one = await progress.task(`${title}, a single pod`, () =>
    measure(context, {
      boot: ['-kernel', single.efi],
      agent: 'single',
      settlesAfter: startOf('single'),
    }),
  );
  const result = {
    firstStaticPodSeconds: all.seconds,
    singlePodSeconds: one.seconds,
    ...(all.memoryUsedMiB === undefined ? {} : { memoryUsedMiB: all.memoryUsedMiB }),
    ...(one.memoryUsedMiB === undefined ? {} : { singlePodMemoryUsedMiB: one.memoryUsedMiB }),
    efiBytes: (await stat(shipped.efi)).size,
    phases: all.phases,
  };
  return { result, singleRoot: single.root };
}

/** `kios bench boot`. */
export async function benchBoot(context: CommandContext, options: BenchOptions): Promise<void> {
  const { json, baseline, kernel } = options;
  const { progress, print } = context;
  await ensurePackages(['build', 'machine', ...(baseline ? ['baseline' as const] : [])], progress);
  await openEmulator('amd64', progress);
  const main = kernel ?? DEFAULT_KERNEL;
  const first = await benchKernel(main, context);
  const kernels: Partial<Record<KernelName, KernelResult>> = { [main]: first.result };
  for (const other of kernel === undefined ? KERNELS.filter((name) => name !== main) : [])
    kernels[other] = (await benchKernel(other, context)).result;
  const debian = baseline
    ? await progress.task('boot, a single pod on Debian', async () =>
        measure(context, { boot: await baselineBoot(first.singleRoot, progress), agent: 'single' }),
      )
    : undefined;
  const result: BootResult = {
    ...first.result,
    ...(debian === undefined ? {} : { baselineSinglePodSeconds: debian.seconds }),
    kernels,
  };
  if (json) print(JSON.stringify(result));
  else await report(result, print);
}
