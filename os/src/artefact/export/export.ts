import { type FileHandle, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { openToolroot } from '../../build/sources/debian/toolroot.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { type Arch, type Board, distDir } from '../../workstation/paths.ts';
import { formatSize } from '../../workstation/terminal/size.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { artefactError, kindOf, openArtefact } from '../kind.ts';
import { BOARD_FORMATS, type FormatName } from './formats.ts';
import { exportGce } from './gce.ts';
import { exportIso } from './iso.ts';
import { exportOsList, type ListOptions } from './os-list.ts';
import { exportPxe } from './pxe.ts';
import { exportRaw } from './raw.ts';
import { type ExportedFile, listExported, moveIntoPlace, stagingFolder } from './results.ts';
import { type Job, openSource } from './source.ts';
import { openExportTools } from './tools.ts';
import { exportVirtualDisk } from './virtual-disk.ts';

export interface ExportOptions {
  /** Whose last build is meant. */
  readonly target: Arch | Board;
  /** Default: the disk image of the last build. */
  readonly image: string | undefined;
  readonly formats: readonly FormatName[];
  /** Folder of the results. Default: `export` beside that build. */
  readonly out: string | undefined;
  readonly list: Partial<ListOptions>;
  readonly json: boolean;
}

/** Writes one format into the job's folder and returns the names of its files. */
async function write(format: FormatName, job: Job, list: ListOptions): Promise<string[]> {
  switch (format) {
    case 'raw.zst':
      return [await exportRaw(job)];
    case 'qcow2':
    case 'vhd':
    case 'vhdx':
    case 'vmdk':
      return exportVirtualDisk(format, job);
    case 'gce':
      return [await exportGce(job)];
    case 'iso':
      return [await exportIso(job)];
    case 'pxe':
      return [await exportPxe(job)];
    case 'os-list':
      return exportOsList(job, list);
  }
}

function listOptions({ formats, list }: ExportOptions): ListOptions {
  if (formats.includes('os-list') && list.url === undefined)
    throw new KiosError('KIOS_CLI_USAGE', 'export the format os-list: --url is missing', {
      exitCode: EXIT.usage,
      remedy:
        'Give the address at which the files will be published, such as --url https://example.com/kios.',
    });
  return { url: list.url ?? '', devices: list.devices ?? [] };
}

/** Fails for a format that is of no use to a board. */
function refuseForBoard(board: Board | undefined, formats: readonly FormatName[]): void {
  const unfit = formats.find((format) => !BOARD_FORMATS.includes(format));
  if (board === undefined || unfit === undefined) return;
  throw new KiosError('KIOS_CLI_USAGE', `export an image for ${board} as ${unfit}`, {
    exitCode: EXIT.usage,
    remedy: `An image for a board is exported as ${BOARD_FORMATS.join(' or ')}.`,
  });
}

interface Folders {
  readonly out: string;
  readonly scratch: string;
}

async function exportAll(
  image: string,
  file: FileHandle,
  options: ExportOptions,
  { out, scratch }: Folders,
  context: CommandContext,
): Promise<ExportedFile[]> {
  const { progress, signal } = context;
  const list = listOptions(options);
  const [tools, exportTools] = [await openToolroot(progress), await openExportTools(progress)];
  const source = await progress.task(`read ${image}`, (note) =>
    openSource(image, file, { scratch, tools, note }),
  );
  const { board } = source.kind;
  refuseForBoard(board, options.formats);
  const name = `kios-${source.release.version}-${board ?? source.release.arch}`;
  const exported: ExportedFile[] = [];
  for (const format of new Set(options.formats)) {
    const staging = await stagingFolder(out, context);
    try {
      exported.push(
        ...(await progress.task(format, async (note) => {
          const job = { source, out: staging, scratch, name, tools, exportTools, note, signal };
          const names = await write(format, job, list);
          await moveIntoPlace(staging, out, names);
          return listExported(format, out, names, note);
        })),
      );
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  return exported;
}

/** Writes an image in other formats. A result appears under its name when it is complete, or not at all. */
export async function exportImage(
  context: CommandContext,
  options: ExportOptions,
): Promise<ExportedFile[]> {
  const { progress, undo } = context;
  listOptions(options);
  const dist = distDir(options.target);
  const image = options.image ?? path.relative(process.cwd(), path.join(dist, 'kios.img'));
  const out = options.out ?? path.join(dist, 'export');
  await using file = await openArtefact(image);
  const kind = await kindOf(image, file);
  if (kind !== 'disk')
    throw artefactError(image, 'it is no disk image', 'Name the kios.img of a build.');
  await ensurePackages(['artefact'], progress);
  const scratch = await mkdtemp(path.join(tmpdir(), 'kios-export-'));
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  try {
    await mkdir(out, { recursive: true });
    return await exportAll(image, file, options, { out, scratch }, context);
  } catch (cause) {
    if (cause instanceof KiosError) throw cause;
    throw new KiosError('KIOS_EXPORT', `export ${image}`, {
      cause,
      exitCode: EXIT.data,
      remedy: 'Export an image that ./kios build made, to a folder in which you may write.',
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** `kios export`. */
export async function exportCommand(
  context: CommandContext,
  options: ExportOptions,
): Promise<void> {
  const exported = await exportImage(context, options);
  const rows = exported.map(({ file, bytes }) => [file, formatSize(bytes).padStart(10)]);
  const lines = options.json ? [JSON.stringify(exported, undefined, 2)] : formatTable(rows);
  for (const line of lines) context.print(line);
}
