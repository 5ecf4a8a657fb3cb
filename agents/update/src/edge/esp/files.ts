import { createHash } from 'node:crypto';
import {
  access,
  mkdir,
  type FileHandle,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
} from 'node:fs/promises';
import path from 'node:path';

import { syncPath } from '@kios/agent';
import { errorCode } from '@kios/errors';

import { UpdateError } from '../../core/faults/errors.ts';
import type { Content, Medium, Op, Sized } from '../../core/plan/plan.ts';
import { DRAFTS, ENTRIES, FALLBACK, FLASHED_MODULES, IMAGES } from '../../core/slots/names.ts';
import type { Esp } from './esp.ts';

const CHUNK = 1024 * 1024;
/** The kernel counts what waits to be written to the pod's memory. */
const SYNC_EVERY = 16;

async function using<T>(
  file: string,
  flags: string,
  work: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await open(file, flags, 0o600);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

export async function readIf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export async function filesIn(folder: string): Promise<readonly Sized[]> {
  const found: Sized[] = [];
  for (const name of await readdir(folder)) {
    const { size } = await stat(path.join(folder, name));
    found.push({ name, size });
  }
  return found;
}

export const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** Reads what is on the partition, without the content of systems. */
export async function readMedium(esp: Esp, usesModules: boolean): Promise<Medium> {
  const { bavail, bsize } = await statfs(esp.at(IMAGES));
  return {
    entries: await readdir(esp.at(ENTRIES)),
    files: await filesIn(esp.at(IMAGES)),
    hasModules: usesModules || (await isThere(esp.at(FLASHED_MODULES))),
    fallback: await readIf(esp.at(FALLBACK)),
    hasFallbackDraft: (await readIf(esp.at(DRAFTS.fallback))) !== undefined,
    free: bavail * bsize,
    cluster: bsize,
  };
}

/** A part of a file. */
export type Range = Pick<Content, 'offset' | 'size'>;

/** Reads a part of a file, or a file to its end, piece by piece. */
async function* chunksOf(
  handle: FileHandle,
  signal: AbortSignal,
  { offset = 0, size = Infinity }: Partial<Range> = {},
): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(CHUNK);
  for (let done = 0; done < size;) {
    signal.throwIfAborted();
    const length = Math.min(CHUNK, size - done);
    const { bytesRead } = await handle.read(buffer, 0, length, offset + done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Returns the SHA-256 of a file, or of a part of it, in hexadecimal. */
export const digestOf = async (file: string, signal: AbortSignal, range?: Range): Promise<string> =>
  using(file, 'r', async (handle) => {
    const hash = createHash('sha256');
    for await (const chunk of chunksOf(handle, signal, range)) hash.update(chunk);
    return hash.digest('hex');
  });

/** Returns the part of its source that a file of the medium is; undefined for all of it. */
export const rangeOf = ({ offset, size }: Content): Range | undefined =>
  offset === undefined ? undefined : { offset, size };

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

/** Copies a file, and fails unless it is what it should be. */
async function copy(
  from: string,
  to: string,
  content: Content,
  signal: AbortSignal,
): Promise<void> {
  const digest = await using(from, 'r', (source) =>
    using(to, 'wx', async (target) => {
      const hash = createHash('sha256');
      let chunks = 0;
      for await (const chunk of chunksOf(source, signal, rangeOf(content))) {
        hash.update(chunk);
        await writeAll(target, chunk);
        if (++chunks % SYNC_EVERY === 0) await target.datasync();
      }
      await target.sync();
      return hash.digest('hex');
    }),
  );
  if (digest !== content.digest)
    throw new UpdateError('KIOS_UPDATE_IMAGE', `use ${from}: it is not what build.json says`);
}

const unlike = (file: string): UpdateError =>
  new UpdateError('KIOS_UPDATE_WRITE', `read ${file} back: the medium has something else`);

/** Fails unless a file has the text, or the content of a file of the mounted system. */
async function verify(file: string, content: Content | string, signal: AbortSignal): Promise<void> {
  const isRight =
    typeof content === 'string'
      ? (await readIf(file)) === content
      : (await digestOf(file, signal)) === content.digest;
  if (!isRight) throw unlike(file);
}

async function write(file: string, flags: 'wx' | 'r+', text: string): Promise<void> {
  await using(file, flags, async (handle) => {
    await handle.write(text, 0, 'latin1');
    await handle.sync();
  });
}

async function carryOut(op: Op, esp: Esp, os: string, signal: AbortSignal): Promise<void> {
  switch (op.tag) {
    case 'remove':
      // A person may have put a folder there, such as overlays of a board.
      await rm(esp.at(op.path), { recursive: true });
      return syncPath(path.dirname(esp.at(op.path)));
    case 'removeFolder':
      await rmdir(esp.at(op.path));
      return syncPath(path.dirname(esp.at(op.path)));
    case 'makeFolder':
      await mkdir(esp.at(op.path));
      return syncPath(path.dirname(esp.at(op.path)));
    case 'overwrite':
      return write(esp.at(op.path), 'r+', op.text);
    case 'draft':
      return write(esp.at(op.path), 'wx', op.text);
    case 'rename':
      await rename(esp.at(op.from), esp.at(op.to));
      return syncPath(esp.at(op.to));
    case 'copy':
      return copy(path.join(os, op.content.from), esp.at(op.path), op.content, signal);
    case 'remount':
      return esp.remount();
    case 'verify':
      return verify(esp.at(op.path), op.content, signal);
  }
}

/** Carries out one step, with files of the system in the folder `os`. When it returns, its effect is on the medium. */
export async function perform(op: Op, esp: Esp, os: string, signal: AbortSignal): Promise<void> {
  try {
    await carryOut(op, esp, os, signal);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof UpdateError) throw cause;
    const what = 'path' in op ? ` ${op.path}` : '';
    throw new UpdateError('KIOS_UPDATE_WRITE', `${op.tag}${what} on the EFI system partition`, {
      cause,
    });
  }
}
