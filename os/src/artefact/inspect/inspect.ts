import { type FileHandle, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, KiosError } from '@kios/errors';

import { SECTOR } from '../../build/formats/gpt.ts';
import { openToolroot, type Toolroot } from '../../build/sources/debian/toolroot.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { distDir } from '../../workstation/paths.ts';
import { fileDigest } from '../file-digest.ts';
import { artefactError, kindOf, openArtefact } from '../kind.ts';
import { type InspectedBoot, inspectBoot } from './boot.ts';
import { compare, compareLines } from './diff.ts';
import { inspectDisk } from './disk.ts';
import { inspectEfi } from './efi.ts';
import type { Inspection } from './model.ts';
import { report } from './report.ts';
import { inspectRoot } from './root.ts';
import { sharesOf } from './shares.ts';

/** Returns the size of a disk in bytes. Its file status has none. */
async function deviceBytes(file: FileHandle): Promise<number> {
  const { rdev } = await file.stat();
  // The layout of dev_t in glibc's sysmacros.h; no device has a number that needs more bits.
  const [major, minor] = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)];
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8')) * SECTOR;
}

async function sizesOf(
  file: FileHandle,
  note: (detail: string) => void,
): Promise<Pick<Inspection, 'bytes' | 'allocated' | 'sha256'>> {
  const status = await file.stat();
  if (status.isBlockDevice()) return { bytes: await deviceBytes(file) };
  const sha256 = await fileDigest(file, status.size, note);
  return { bytes: status.size, allocated: status.blocks * SECTOR, sha256 };
}

interface Work {
  /** An empty folder for what is unpacked. */
  readonly scratch: string;
  readonly tools: Toolroot;
  readonly note: (detail: string) => void;
}

async function inspectParts(
  name: string,
  file: FileHandle,
  { scratch, tools, note }: Work,
): Promise<Omit<Inspection, 'file' | 'bytes' | 'allocated' | 'sha256'>> {
  const kind = await kindOf(name, file);
  const folder = async (of: string): Promise<string> => {
    const made = path.join(scratch, of);
    await mkdir(made);
    return made;
  };
  const unpacked = await folder('root');
  if (kind === 'root') {
    const root = await inspectRoot(name, unpacked, tools);
    return { kind, root, shares: sharesOf(root, {}, undefined) };
  }
  note('boot partition');
  const esp = await folder('esp');
  const found = kind === 'disk' ? await inspectDisk(name, file, esp, tools) : undefined;
  note('what firmware starts');
  const { root: image, ...boot }: InspectedBoot =
    found === undefined ? inspectEfi(await readFile(name)) : await inspectBoot(esp, found.boot);
  const erofs = path.join(scratch, 'root.erofs');
  await writeFile(erofs, image);
  note('root file system');
  const root = await inspectRoot(erofs, unpacked, tools);
  const disk = found?.disk;
  return {
    kind,
    ...(disk === undefined ? {} : { disk }),
    ...boot,
    root,
    shares: sharesOf(root, boot, disk),
  };
}

/** Reads an artefact. What is no artefact, or is damaged, fails with one sentence. */
export async function inspectFile(name: string, context: CommandContext): Promise<Inspection> {
  const { progress, undo } = context;
  await using file = await openArtefact(name);
  // Before anything is fetched or unpacked, so that a wrong file fails at once.
  await kindOf(name, file);
  await ensurePackages(['artefact'], progress);
  const scratch = await mkdtemp(path.join(tmpdir(), 'kios-inspect-'));
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  try {
    return await progress.task(`read ${name}`, async (note) => {
      const tools = await openToolroot(progress);
      const parts = await inspectParts(name, file, { scratch, tools, note });
      return { file: name, ...(await sizesOf(file, note)), ...parts };
    });
  } catch (cause) {
    if (cause instanceof KiosError) throw cause;
    throw artefactError(name, cause instanceof Error ? cause.message : describe(cause));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export interface InspectOptions {
  /** Default: the disk image of the last build. */
  readonly file: string | undefined;
  readonly diff: string | undefined;
  readonly json: boolean;
}

const builtImage = (): string =>
  path.relative(process.cwd(), path.join(distDir('amd64'), 'kios.img'));

/** `kios inspect`. */
export async function inspect(context: CommandContext, options: InspectOptions): Promise<void> {
  const { print } = context;
  const { file = builtImage(), diff, json } = options;
  const first = await inspectFile(file, context);
  if (diff === undefined) {
    for (const line of json ? [JSON.stringify(first, undefined, 2)] : report(first)) print(line);
    return;
  }
  const second = await inspectFile(diff, context);
  const comparison = compare(first, second);
  const lines = json
    ? [JSON.stringify(comparison, undefined, 2)]
    : compareLines(first, second, comparison);
  for (const line of lines) print(line);
}
