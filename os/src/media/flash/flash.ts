import path from 'node:path';

import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { distDir } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { formatRate } from '../../workstation/terminal/rate.ts';
import { formatDiskSize } from '../../workstation/terminal/size.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { openDevice } from '../device/client.ts';
import { checkDisk, checkExpected, resolveDisk } from '../disks/choose.ts';
import type { Disk } from '../disks/disk.ts';
import { chooseForWriting, type FlashRequest } from './choose-disk.ts';
import { openImage } from './open-image.ts';
import { verifyImage } from './verify.ts';
import { type Stage, type WriteOptions, writeImage } from './write.ts';

/** Whether sudo can ask for a password. */
const canAsk = (): boolean => process.stderr.isTTY;

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

/** How far a flash came, by the last stage that ended. */
interface Reached {
  stage: Stage | undefined;
}

/** Tells, when the command ends early, in which state the disk is. */
function tellState({ undo, progress }: CommandContext, { path }: Disk, reached: Reached): void {
  undo.defer(() => {
    if (reached.stage === undefined)
      progress.info(`${path} is not finished: what it held may be damaged.`);
    else if (reached.stage !== 'finish')
      progress.info(`${path} is not finished: nothing starts from it. Flash it again.`);
  });
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
  if (!json)
    return context.print(`${path} ${words} the image ${image} (${formatDiskSize(bytes)}).`);
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
  checkDisk(disk, { bytes, allowLarge: true }, 'read');
  checkExpected(disk, request);
  const device = context.undo.use(await openDevice(disk, 'read', canAsk()));
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
  const device = await openDevice(disk, 'write', canAsk());
  const show = shownOn(context.progress, disk);
  const reached: Reached = { stage: undefined };
  tellState(context, disk, reached);
  context.undo.use(device);
  const startedAt = performance.now();
  const written = await writeImage(device, image, {
    signal: context.signal,
    stage: async (name, total, work) => {
      await show(name, total, work);
      reached.stage = name;
    },
  });
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
