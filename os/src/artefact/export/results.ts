import { mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { errorCode } from '@kios/errors';

import type { CommandContext } from '../../workstation/command-context.ts';
import { fileDigest } from '../file-digest.ts';
import type { FormatName } from './formats.ts';

/** A file that an export wrote. */
export interface ExportedFile {
  readonly format: FormatName;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Makes a folder beside the results, on the same file system, which also an interruption removes. */
export async function stagingFolder(
  out: string,
  { undo }: Pick<CommandContext, 'undo'>,
): Promise<string> {
  const staging = await mkdtemp(path.join(out, '.unfinished-'));
  undo.defer(() => rm(staging, { recursive: true, force: true }));
  return staging;
}

async function flush(file: string): Promise<void> {
  await using handle = await open(file);
  await handle.sync();
}

/** Returns the files of a result, which is a file or a folder of files, relative to `out`. */
async function filesOf(out: string, name: string): Promise<string[]> {
  if (!(await stat(path.join(out, name))).isDirectory()) return [name];
  const inside = await readdir(path.join(out, name));
  return inside.toSorted().map((file) => path.join(name, file));
}

/** Moves what has a name, if anything, to another one. */
async function moveAway(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
}

/**
 * Moves finished results to their names, in their order. A file replaces one of an earlier export in one step; an
 * earlier folder is moved away just before.
 */
export async function moveIntoPlace(
  staging: string,
  out: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names)
    for (const file of await filesOf(staging, name)) await flush(path.join(staging, file));
  for (const name of names) {
    const [from, to] = [path.join(staging, name), path.join(out, name)];
    if ((await stat(from)).isDirectory()) await moveAway(to, path.join(staging, 'earlier'));
    await rename(from, to);
  }
  await flush(out);
}

/** Describes the files of results. */
export async function listExported(
  format: FormatName,
  out: string,
  names: readonly string[],
  note: (detail: string) => void,
): Promise<ExportedFile[]> {
  const listed: ExportedFile[] = [];
  for (const name of names)
    for (const inside of await filesOf(out, name)) {
      const file = path.join(out, inside);
      await using handle = await open(file);
      const { size } = await handle.stat();
      const sha256 = await fileDigest(handle, size, note);
      listed.push({ format, file: path.relative(process.cwd(), file), bytes: size, sha256 });
    }
  return listed;
}
