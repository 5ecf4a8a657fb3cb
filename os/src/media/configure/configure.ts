import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { findBoard, findBootFile, isBoardLine } from '../../build/image/boot-file.ts';
import { openToolroot, type Toolroot } from '../../build/sources/debian/toolroot.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { BOARD_ARCH } from '../../workstation/paths.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { DOCUMENT, IMAGES } from './boot-folder.ts';
import { refuseUnencryptable } from './encryption.ts';
import { ownModules } from './modules.ts';
import { type CopiedPartition, Partition } from './partition.ts';
import { type Change, type FileContent, planChanges } from './plan.ts';
import { type Shown, showMedium } from './show.ts';
import { type ConfigureRequest, type Medium, readWanted } from './wanted.ts';

export interface ConfigureOptions {
  /** An image or a device. */
  readonly target: string;
  readonly wanted: ConfigureRequest;
  readonly show: boolean;
  readonly json: boolean;
}

/** Returns the folders of a path, the outermost first. */
const foldersOf = (name: string): string[] => {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};

async function apply(
  partition: Partition,
  changes: readonly Change[],
  present: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const needed = new Set(
    changes.flatMap(({ name, content }) => (content === undefined ? [] : foldersOf(name))),
  );
  const folders = await partition.folders();
  for (const folder of needed) if (!folders.includes(folder)) await partition.makeFolder(folder);
  const leftover = `${DOCUMENT}.new`;
  if (present.includes(leftover)) await partition.remove(leftover);
  for (const { name, content } of changes) {
    signal.throwIfAborted();
    if (content === undefined) await partition.remove(name);
    // A board's command line is not renamed into place: mtools writes such a name in capitals.
    else if (name === DOCUMENT && Buffer.isBuffer(content))
      await partition.replace(name, content, present.includes(name));
    else await partition.write(name, content);
  }
}

/** Says whether a file was read back as it was written. */
async function isWritten(
  back: CopiedPartition,
  name: string,
  content: Buffer | FileContent,
): Promise<boolean> {
  if (Buffer.isBuffer(content)) return (await back.read(name)).equals(content);
  return (await fileSha256(await back.copy(name))) === (await fileSha256(content.file));
}

/** Reads back what was written. */
async function verify(partition: Partition, changes: readonly Change[]): Promise<void> {
  const back = await partition.readBack();
  const names = await partition.list();
  for (const { name, content } of changes) {
    const isRight =
      content === undefined
        ? !names.includes(name)
        : await isWritten(back, name, content).catch(() => false);
    if (isRight) continue;
    throw new KiosError(
      'KIOS_MEDIUM_CHECK',
      `find ${name} on ${partition.file} as it was written`,
      {
        exitCode: EXIT.data,
        remedy: 'The medium may be worn out or a forgery: try another one.',
      },
    );
  }
}

async function readAll(
  partition: Partition,
  names: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for (const name of names) contents.set(name, await partition.read(name));
  return contents;
}

/** Changes a medium as asked, and returns its files afterwards. */
async function configurePartition(
  partition: Partition,
  options: ConfigureOptions,
  { progress, signal }: Pick<CommandContext, 'progress' | 'signal'>,
  tools: Toolroot,
): Promise<Shown[]> {
  const present = await partition.list();
  const boot = findBootFile(present);
  const board = findBoard(present);
  const medium: Medium = {
    arch: board === undefined ? (boot?.arch ?? 'amd64') : BOARD_ARCH[board],
    scratch: path.join(partition.dir, 'images'),
    room: () => partition.roomIn(IMAGES),
    ownModules: () => ownModules(partition, present, tools),
    ...(board === undefined
      ? {}
      : { commandLines: () => readAll(partition, present.filter(isBoardLine)) }),
    document: async () => (present.includes(DOCUMENT) ? partition.read(DOCUMENT) : undefined),
  };
  const wanted = await readWanted(options.wanted, medium, progress);
  const changes = planChanges(wanted, present);
  await refuseUnencryptable(partition, changes, present);
  if (changes.length > 0) {
    const files = changes.length === 1 ? '1 file' : `${changes.length} files`;
    const title = `write ${files} to ${partition.file}`;
    await progress.task(title, () => apply(partition, changes, present, signal));
    await progress.task('read back', () => verify(partition, changes));
  }
  return options.show || options.json
    ? showMedium(partition, await partition.list(), medium, progress)
    : changes.map(({ name, content }) => ({
        name,
        bytes: Buffer.isBuffer(content) ? content.length : content?.bytes,
        says: content === undefined ? 'removed' : 'written',
      }));
}

function printShown(shown: readonly Shown[], json: boolean, print: (line: string) => void): void {
  if (json) {
    print(JSON.stringify({ files: shown }));
    return;
  }
  for (const line of formatTable(
    shown.map(({ name, bytes, says }) => [name, bytes === undefined ? '' : String(bytes), says]),
  ))
    print(line);
}

const asksNothing = ({ wanted, show, json }: ConfigureOptions): boolean =>
  !show && !json && Object.values(wanted).every((value) => value === undefined);

/** `kios configure`. */
export async function configure(context: CommandContext, options: ConfigureOptions): Promise<void> {
  if (asksNothing(options))
    throw new KiosError('KIOS_CLI_USAGE', `change ${options.target}: nothing to do is given`, {
      exitCode: EXIT.usage,
      remedy: 'Give what to put there, or --show; ./kios configure --help lists both.',
    });
  const { progress } = context;
  await ensurePackages(['build', 'media'], progress);
  const tools = await openToolroot(progress);
  await using partition = await Partition.open(options.target, tools);
  const shown = await configurePartition(partition, options, context, tools);
  printShown(shown, options.json, context.print);
}
