import { lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { removeStaleTemps, syncPath, tempName } from '@kios/agent';

import { BootstrapError, fieldError } from '../../core/faults/errors.ts';
import type { OutputFile } from '../../core/files/output-file.ts';
import { readOwnFile } from './own-file.ts';

/**
 * Called when all files are staged (no path) and after each is in place; an error it throws ends the transaction there.
 */
export type OnPlaced = (path: string | undefined) => Promise<void> | void;

interface Staged {
  readonly file: OutputFile;
  readonly target: string;
  readonly temp: string | undefined;
}

const bytesOf = ({ content = '', encoding }: OutputFile): Buffer =>
  Buffer.from(content, encoding ?? 'utf8');

async function isCurrent(target: string, file: OutputFile): Promise<boolean> {
  const now = await readOwnFile(target);
  if (now === undefined) return file.content === undefined;
  if (now === 'foreign' || file.content === undefined || !now.equals(bytesOf(file))) return false;
  return ((await stat(target)).mode & 0o7777) === file.mode;
}

/** Refuses a document's file whose path has a symbolic link: it could lead to a folder that is not allowed. */
async function refuseLinks(target: string, file: OutputFile): Promise<void> {
  if (file.isUserFile !== true) return;
  const root = target.slice(0, target.length - file.path.length);
  let at = root;
  for (const part of file.path.split('/')) {
    at = path.join(at, part);
    const found = await lstat(at).catch(() => undefined);
    if (found?.isSymbolicLink() === true)
      throw fieldError(`write /etc/${file.path}: ${path.relative(root, at)} is a symbolic link`);
  }
}

/** Writes the content beside its target and syncs it, under a name that kubelet ignores. */
async function stage(target: string, file: OutputFile): Promise<Staged> {
  if (file.content === undefined) return { file, target, temp: undefined };
  const dir = path.dirname(target);
  await refuseLinks(target, file);
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const temp = tempName(target);
  const handle = await open(temp, 'wx', 0o600);
  try {
    await handle.writeFile(bytesOf(file));
    await handle.chmod(file.mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { file, target, temp };
}

/** Removes the temporary files that a killed run left beside the files. */
export async function removeStaged(etc: string, files: readonly OutputFile[]): Promise<void> {
  const dirs = new Set(files.map((file) => path.dirname(path.join(etc, file.path))));
  await Promise.all([...dirs].map(removeStaleTemps));
}

async function place(staged: Staged): Promise<void> {
  if (staged.temp === undefined) await rm(staged.target, { force: true });
  else await rename(staged.temp, staged.target);
  await syncPath(path.dirname(staged.target));
}

/** Returns the files that differ from those on disk. */
export async function changedFiles(
  etc: string,
  files: readonly OutputFile[],
): Promise<readonly OutputFile[]> {
  const current = await Promise.all(
    files.map((file) => isCurrent(path.join(etc, file.path), file)),
  );
  return files.filter((_file, index) => current[index] !== true);
}

/**
 * Puts the files in place in their order. All are staged and synced first, so a full or read-only disk is found before
 * anything changes. Only renames remain, each of which a reader sees either done or not.
 */
export async function placeFiles(
  etc: string,
  files: readonly OutputFile[],
  onPlaced: OnPlaced = () => {},
): Promise<void> {
  const staged: Staged[] = [];
  try {
    for (const file of files) staged.push(await stage(path.join(etc, file.path), file));
    await onPlaced(undefined);
    for (const item of staged) {
      await place(item);
      await onPlaced(item.file.path);
    }
  } catch (cause) {
    const temps = staged.map(({ temp }) => temp).filter((temp) => temp !== undefined);
    await Promise.all(temps.map((temp) => rm(temp, { force: true }))).catch(() => undefined);
    if (cause instanceof BootstrapError) throw cause;
    throw new BootstrapError('KIOS_BOOTSTRAP_WRITE', `write the configuration under ${etc}`, {
      cause,
    });
  }
}
