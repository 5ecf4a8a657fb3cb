import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';

import { MILESTONES } from '../../lab/phases.ts';
import { MACHINE_FILES } from '../../lab/qemu/arguments.ts';
import type { Console, SeenEvent } from '../../lab/qemu/console.ts';
import { openEmulator } from '../../lab/qemu/emulator.ts';
import { splitFlags } from '../../lab/qemu/flags.ts';
import { PLATFORMS } from '../../lab/qemu/platform.ts';
import { EmulatedTpm, tpmFlags } from '../../lab/qemu/tpm.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { POLL } from '../baseline.ts';
import { copyDisk } from '../disk.ts';
import { startBench } from '../machine.ts';
import { hashedOf } from './hashed.ts';
import { makeMedia, type Media, type SystemName } from './media.ts';
import { kernelStart, readerOf } from './power-on-clock.ts';

const DEADLINE_MS = 1_800_000;

/** A machine that starts a system. */
interface Case {
  readonly system: SystemName;
  readonly secureBoot: boolean;
  readonly tpm: boolean;
  /** Its processor has no instructions for SHA-256, as many that are older than 2020. */
  readonly plain?: boolean;
}

const CASES: readonly Case[] = [
  { system: 'unsigned', secureBoot: false, tpm: false },
  { system: 'signed', secureBoot: true, tpm: false },
  { system: 'small', secureBoot: true, tpm: false },
  { system: 'small', secureBoot: true, tpm: false, plain: true },
  { system: 'small', secureBoot: false, tpm: false },
  { system: 'unsigned', secureBoot: false, tpm: true },
  { system: 'signed', secureBoot: true, tpm: true },
  { system: 'small', secureBoot: true, tpm: true },
];

/** Returns the cases to measure, with a name each. */
export const casesOf = (tpm: boolean): readonly (Case & { readonly name: string })[] =>
  CASES.filter((each) => tpm || !each.tpm).map((each) => {
    const parts = [
      each.system,
      each.secureBoot ? 'Secure Boot' : '',
      each.tpm ? 'TPM' : '',
      each.plain === true ? 'no SHA' : '',
    ];
    return { ...each, name: parts.filter((part) => part !== '').join(', ') };
  });

/** A start that was measured. Seconds count by the guest's clock from power-on. */
interface Result {
  readonly name: string;
  readonly kernelSeconds: number;
  /** Init runs, before it looks for the root. */
  readonly initSeconds: number;
  /** The root is checked and mounted. */
  readonly rootSeconds: number;
  /** Init's first line. */
  readonly firstLineSeconds: number;
  readonly firstStaticPodSeconds: number;
  readonly firmwareHashesBytes: number;
  readonly initHashesBytes: number;
}

const is =
  (ev: string) =>
  (event: SeenEvent): boolean =>
    event.agent === 'init' && event.ev === ev;

const Phases = v.array(v.object({ name: v.string(), up: v.number() }));

/** Returns the times of stage 1 since the kernel's start, as init tells them when it has a log. */
export function stage1Of(phases: unknown): { readonly init: number; readonly root: number } {
  const known = v.parse(Phases, phases);
  const at = (name: string): number => {
    const phase = known.find((each) => each.name === name);
    if (phase === undefined) throw new Error(`init tells no phase ${name}`);
    return phase.up;
  };
  return { init: at('init'), root: at('root') };
}

/** What waits for the disk polls, or the clock of an idle guest would jump ahead (`bootDisk`). */
const startFrom = (disk: string, chip: EmulatedTpm | undefined): string[] => [
  '-drive',
  `if=none,id=disk,format=raw,cache=unsafe,file=${disk}`,
  '-device',
  'virtio-blk-pci,drive=disk,bootindex=0',
  '-smbios',
  `type=11,value=io.systemd.stub.kernel-cmdline-extra=${POLL}`,
  ...(chip === undefined ? [] : splitFlags(tpmFlags(chip.socket, 'tpm-crb'))),
];

/** Waits until init says whether Secure Boot is on. */
async function expectSecureBoot(console: Console, wanted: boolean): Promise<void> {
  const { fields } = await console.expect('the system', is('slots.running'), DEADLINE_MS);
  if (fields['secureBoot'] !== wanted)
    throw new Error(`Secure Boot is ${wanted ? 'off' : 'on'}: nothing that was to be measured`);
}

/** Lets a machine in setup mode take the keys of a medium. Returns a file with its variables. */
async function enrol(media: Media, memoryMiB: number, context: CommandContext): Promise<string> {
  const { undo } = context;
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-bench-vars-'));
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  await using disk = await copyDisk(media.small.disk, undo);
  const boot = startFrom(disk.file, undefined);
  await using machine = await startBench({ boot, memoryMiB, secureBoot: true }, undo);
  await expectSecureBoot(machine.console, true);
  const vars = path.join(dir, MACHINE_FILES.vars);
  await copyFile(path.join(machine.dir, MACHINE_FILES.vars), vars);
  return vars;
}

interface Rig {
  readonly media: Media;
  /** File of variables with keys. */
  readonly vars: string;
  readonly memoryMiB: number;
  readonly context: CommandContext;
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** Starts a fresh copy of a system on a machine of its own. */
async function start(
  { media, vars, memoryMiB, context: { undo } }: Rig,
  { name, system, secureBoot, tpm, plain = false }: ReturnType<typeof casesOf>[number],
): Promise<Result> {
  const medium = media[system];
  await using disk = await copyDisk(medium.disk, undo);
  const state = await mkdtemp(path.join(tmpdir(), 'kios-bench-tpm-'));
  undo.defer(() => rm(state, { recursive: true, force: true }));
  await using chip = tpm ? await EmulatedTpm.start(state) : undefined;
  const guest = {
    boot: startFrom(disk.file, chip),
    memoryMiB,
    secureBoot,
    ...(secureBoot ? { vars } : {}),
    ...(plain ? { processor: `${PLATFORMS.amd64.processor},sha-ni=off` } : {}),
  };
  await using machine = await startBench(guest, undo);
  const { console } = machine;
  const ended = new AbortController();
  const { name: what, reachedBy } = MILESTONES.firstPod;
  const [kernel, pod] = await Promise.all([
    kernelStart(readerOf(machine.dir), ended.signal),
    console.expect(what, reachedBy, DEADLINE_MS).finally(() => ended.abort()),
  ]);
  await expectSecureBoot(console, secureBoot);
  const line = await console.expect('init', MILESTONES.kernel.reachedBy, DEADLINE_MS);
  const mounted = await console.expect('the root', is('root.mounted'), DEADLINE_MS);
  const { init, root } = stage1Of(mounted.fields['phases']);
  const hashed = hashedOf({ ...medium, secureBoot, tpm });
  return {
    name,
    kernelSeconds: round(kernel),
    initSeconds: round(kernel + init),
    rootSeconds: round(kernel + root),
    firstLineSeconds: round(kernel + line.up),
    firstStaticPodSeconds: round(kernel + pod.up),
    firmwareHashesBytes: hashed.firmware,
    initHashesBytes: hashed.init,
  };
}

const TITLES = [
  'guest s since power-on',
  'kernel',
  'init',
  'root',
  'first line',
  'first static pod',
  'MB hashed by firmware',
  'by init',
];

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Returns rows for `formatTable`. */
export const rowsOf = (results: readonly Result[]): string[][] => [
  TITLES,
  ...results.map((result) => [
    result.name,
    ...[
      result.kernelSeconds,
      result.initSeconds,
      result.rootSeconds,
      result.firstLineSeconds,
      result.firstStaticPodSeconds,
    ].map((seconds) => seconds.toFixed(2)),
    mb(result.firmwareHashesBytes),
    mb(result.initHashesBytes),
  ]),
];

export interface SecureBootOptions {
  readonly json: boolean;
  /** Also start machines with a TPM. */
  readonly tpm: boolean;
  readonly memoryMiB: number;
}

/** `kios bench secure-boot`. */
export async function benchSecureBoot(
  context: CommandContext,
  { json, tpm, memoryMiB }: SecureBootOptions,
): Promise<void> {
  const { progress, print } = context;
  await ensurePackages(['build', 'machine'], progress);
  await openEmulator('amd64', progress);
  const media = await makeMedia(context);
  const vars = await progress.task('take keys', () => enrol(media, memoryMiB, context));
  const results: Result[] = [];
  for (const each of casesOf(tpm))
    results.push(
      await progress.task(each.name, () => start({ media, vars, memoryMiB, context }, each)),
    );
  const bytes = Object.entries(media).map(([name, { efiBytes, besideBytes }]) => ({
    name,
    efiBytes,
    besideBytes,
  }));
  if (json) return print(JSON.stringify({ memoryMiB, systems: bytes, starts: results }));
  for (const line of formatTable(rowsOf(results))) print(line);
  print('');
  const sizes = bytes.map(({ name, efiBytes, besideBytes }) => [name, mb(efiBytes), mb(besideBytes)]); // prettier-ignore
  for (const line of formatTable([['MB', 'EFI file', 'root beside it'], ...sizes])) print(line);
}
