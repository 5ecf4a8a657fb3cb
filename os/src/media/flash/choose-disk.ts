import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { findPerson, type Person } from '../../workstation/terminal/ask.ts';
import { usageError } from '../../workstation/usage-error.ts';
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
export async function chooseForWriting(
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
