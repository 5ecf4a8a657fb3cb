import { rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import * as v from 'valibot';

import type { OutputFile } from '../../core/files/output-file.ts';
import { KUBECONFIG } from '../../core/files/render.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readOwnFile } from './own-file.ts';

const SavedFile = v.object({
  path: v.string(),
  mode: v.number(),
  /** Base64; absent when there was no such file. */
  content: v.optional(v.string()),
});

/** The configuration before the one on trial. */
const Backup = v.object({
  v: v.literal(1),
  files: v.array(SavedFile),
  /** The certificate was set aside with it. */
  droppedIdentity: v.boolean(),
});
export type Backup = v.InferOutput<typeof Backup>;

const fileOf = (settings: Settings): string => path.join(settings.stateDir, 'previous.json');

async function save(etc: string, file: string): Promise<v.InferOutput<typeof SavedFile>> {
  const full = path.join(etc, file);
  const content = await readOwnFile(full);
  if (content === undefined || content === 'foreign') return { path: file, mode: 0o644 };
  const { mode } = await stat(full);
  return { path: file, mode: mode & 0o7777, content: content.toString('base64') };
}

/** Reads the backup; undefined when there is none that can be read. */
export async function readBackup(settings: Settings): Promise<Backup | undefined> {
  const content = await readIfThere(fileOf(settings));
  if (content === undefined) return undefined;
  try {
    return v.parse(Backup, JSON.parse(content));
  } catch {
    return undefined;
  }
}

/**
 * Saves the files that are about to be replaced, unless an earlier trial that never succeeded has saved them already.
 */
export async function saveBackup(
  settings: Settings,
  place: readonly OutputFile[],
  droppedIdentity: boolean,
): Promise<void> {
  const before = await readBackup(settings);
  const known = new Set(before?.files.map((file) => file.path));
  const paths = [...new Set([...place.map((file) => file.path), KUBECONFIG])];
  const added = await Promise.all(
    paths.filter((file) => !known.has(file)).map(async (file) => save(settings.etc, file)),
  );
  const backup: Backup = {
    v: 1,
    files: [...(before?.files ?? []), ...added],
    droppedIdentity: droppedIdentity || before?.droppedIdentity === true,
  };
  await writeAtomic(fileOf(settings), `${JSON.stringify(backup)}\n`, 0o600);
}

/** Removes the backup when the configuration on trial has succeeded. */
export async function discardBackup(settings: Settings): Promise<void> {
  await rm(fileOf(settings), { force: true });
}

/** Returns a saved file as one to be put in place. */
export const asOutput = ({ path: file, mode, content }: Backup['files'][number]): OutputFile => ({
  path: file,
  mode,
  content,
  encoding: 'base64',
});
