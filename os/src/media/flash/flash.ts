import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { distDir } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { findPerson, type Person } from '../../workstation/terminal/ask.ts';
import type { BlockDevice, Mode } from '../device/block-device.ts';
import { openDevice } from '../device/client.ts';
import {
  checkDisk,
  checkExpected,
  checkTyped,
  type Expected,
  resolveDisk,
} from '../disks/choose.ts';
import {
  candidateRecord,
  formatCandidates,
  formatContent,
  formatDisk,
  judge,
} from '../disks/disk-text.ts';
import type { Disk } from '../disks/disk.ts';
import { listDisks } from '../disks/lsblk.ts';
import { isListed, type Wanted } from '../disks/refusal.ts';
import { STDIN } from '../image/source.ts';
import { formatBytes } from '../units.ts';
import { openImage } from './open-image.ts';
import { formatRate } from './rate.ts';
import { verifyImage } from './verify.ts';
import { type Stage, type WriteOptions, writeImage } from './write.ts';

export interface FlashRequest extends Expected {
  /** Path of the image, or `-`; undefined for the one that was built last. */
  readonly image: string | undefined;
  readonly device: string | undefined;
  readonly verify: boolean;
  /** Nobody is asked; `serial` or `size` then says which disk is meant. */
  readonly yes: boolean;
  readonly large: boolean;
  readonly json: boolean;
}

const usageError = (message: string, remedy: string): KiosError =>
  new KiosError('KIOS_CLI_USAGE', message, { exitCode: EXIT.usage, remedy });

/** Prints the disks of this machine, each with the reason why it is not written to, if there is one. */
async function printDisks(
  wanted: Wanted,
  json: boolean,
  print: (line: string) => void,
): Promise<void> {
  const candidates = judge((await listDisks()).filter(isListed), wanted);
  if (json) print(JSON.stringify(candidates.map(candidateRecord), null, 2));
  else for (const line of formatCandidates(candidates)) print(line);
}

export async function listCandidates(
  context: CommandContext,
  { json, large }: { json: boolean; large: boolean },
): Promise<void> {
  await ensurePackages(['media'], context.progress);
  await printDisks({ bytes: undefined, allowLarge: large }, json, context.print);
}

const LOSS = 'Everything on it will be lost.';

/** Lets a person choose a disk by typing its name. */
async function askForDisk(person: Person, context: CommandContext, wanted: Wanted): Promise<Disk> {
  await printDisks(wanted, false, (line) => context.progress.info(line));
  const typed = await person.ask(
    `Type the name of the disk to write to. ${LOSS} Name: `,
    context.signal,
  );
  if (typed === '') throw usageError('choose a disk: no name was typed', 'Nothing was written.');
  const disk = await resolveDisk(typed);
  checkDisk(disk, wanted);
  return disk;
}

async function confirm(person: Person, context: CommandContext, disk: Disk): Promise<void> {
  context.progress.info(formatDisk(disk));
  context.progress.info(`It holds: ${formatContent(disk)}`);
  const typed = await person.ask(`${LOSS} Type its name, ${disk.name}, to go on: `, context.signal);
  checkTyped(disk, typed);
}

/** Returns the disk to write to, once a person or a script has said unmistakably that it is meant. */
async function chooseForWriting(
  request: FlashRequest,
  context: CommandContext,
  wanted: Wanted,
): Promise<Disk> {
  using person = request.yes ? undefined : findPerson(request.image === STDIN);
  if (request.device === undefined) {
    if (person !== undefined) return await askForDisk(person, context, wanted);
    await printDisks(wanted, request.json, context.print);
    throw usageError('choose a disk: none is named', 'Name one: ./kios flash IMAGE DEVICE.');
  }
  const disk = await resolveDisk(request.device);
  checkDisk(disk, wanted);
  checkExpected(disk, request);
  if (person !== undefined) await confirm(person, context, disk);
  else if (!request.yes)
    throw usageError(
      `write to ${disk.path}: there is no terminal to ask on`,
      'Add --yes and, from ./kios flash --list --json, --serial or --size.',
    );
  return disk;
}

/** Opens the disk in a process of its own, which ends with the command in any case. */
async function open(context: CommandContext, disk: Disk, mode: Mode): Promise<BlockDevice> {
  const canAsk = process.stderr.isTTY;
  return context.undo.use(await openDevice(disk, mode, canAsk));
}

const TITLES: Readonly<Record<Stage, string>> = {
  clear: 'clear',
  write: 'write to',
  check: 'read back from',
  finish: 'finish',
};

/** Shows each stage as a task, with what is done, the rate and the time left. */
const shownOn =
  (progress: Progress, disk: Disk): WriteOptions['stage'] =>
  (name, total, work) =>
    progress.task(`${TITLES[name]} ${disk.path}`, (note) => {
      const startedAt = performance.now();
      return work((done) => note(formatRate(done, total, performance.now() - startedAt)));
    });

/** Tells, when the command ends early, in which state the disk is. */
function warnUnlessFinished(context: CommandContext, disk: Disk): { finished: () => void } {
  let isFinished = false;
  context.undo.defer(() => {
    if (!isFinished)
      context.progress.info(
        `${disk.path} is not finished: nothing starts from it. Flash it again.`,
      );
  });
  return { finished: () => (isFinished = true) };
}

interface Outcome {
  readonly disk: Disk;
  readonly image: string;
  readonly bytes: number;
  readonly ms: number;
  readonly did: 'written' | 'verified';
}

function report(context: CommandContext, json: boolean, { disk, image, bytes, ms, did }: Outcome) {
  const { path, serial, model } = disk;
  const words = did === 'written' ? 'holds, written and verified,' : 'holds';
  if (!json) return context.print(`${path} ${words} the image ${image} (${formatBytes(bytes)}).`);
  const device = { path, bytes: disk.bytes, serial: serial ?? null, model: model ?? null };
  const seconds = Math.round(ms) / 1000;
  return context.print(JSON.stringify({ image, bytes, device, [did]: true, seconds }));
}

async function verifyOnly(
  context: CommandContext,
  request: FlashRequest,
  { image, bytes }: Awaited<ReturnType<typeof openImage>>,
): Promise<Outcome> {
  if (request.device === undefined)
    throw usageError(
      'verify a disk: none is named',
      'Name one: ./kios flash --verify IMAGE DEVICE.',
    );
  const disk = await resolveDisk(request.device);
  checkExpected(disk, request);
  const device = await open(context, disk, 'read');
  const startedAt = performance.now();
  const compared = await context.progress.task(`compare ${disk.path}`, (note) =>
    verifyImage(device, image, {
      signal: context.signal,
      done: (done) => note(formatRate(done, bytes, performance.now() - startedAt)),
    }),
  );
  const ms = performance.now() - startedAt;
  return { disk, image: image.name, bytes: compared, ms, did: 'verified' };
}

async function write(
  context: CommandContext,
  request: FlashRequest,
  { image, bytes }: Awaited<ReturnType<typeof openImage>>,
): Promise<Outcome> {
  const disk = await chooseForWriting(request, context, { bytes, allowLarge: request.large });
  const opened = await openDevice(disk, 'write', process.stderr.isTTY);
  const state = warnUnlessFinished(context, disk);
  const device = context.undo.use(opened);
  const startedAt = performance.now();
  const written = await writeImage(device, image, {
    signal: context.signal,
    stage: shownOn(context.progress, disk),
  });
  state.finished();
  const ms = performance.now() - startedAt;
  return { disk, image: image.name, bytes: written, ms, did: 'written' };
}

/** Writes an image to a disk, or only compares the two. */
export async function flash(context: CommandContext, request: FlashRequest): Promise<void> {
  await ensurePackages(['media'], context.progress);
  const opened = await openImage(request.image ?? path.join(distDir('amd64'), 'kios.img'));
  context.undo.use(opened.source);
  const outcome = request.verify
    ? await verifyOnly(context, request, opened)
    : await write(context, request, opened);
  report(context, request.json, outcome);
}
