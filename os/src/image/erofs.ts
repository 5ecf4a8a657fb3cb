import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Toolroot } from '../debian/toolroot.ts';
import { cached, cacheKey } from '../host/cache.ts';
import type { Progress } from '../host/progress.ts';
import { namedGuid } from './gpt.ts';
import { tar } from './tar.ts';
import type { Entry, Tree } from './tree.ts';

/**
 * zstd gives the smallest image that decompresses fast; 256 KiB clusters are a compromise between size and what a page fault costs.
 * `-x-1`: no extended attributes, so none of the host's enter.
 */
const OPTIONS = ['-zzstd,level=9', '-C262144', '-x-1', '--all-root', '--quiet'];

const digests = new Map<string, string>();

/** SHA-256 of a file, remembered while it does not change. */
async function fileDigest(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  const id = `${file} ${mtimeMs} ${size} ${ino}`;
  const known =
    digests.get(id) ??
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  digests.set(id, known);
  return known;
}

async function fingerprint(entry: Entry): Promise<unknown> {
  if (entry.type === 'symlink') return entry.target;
  if (entry.type === 'directory') return entry.mode;
  const { content, mode } = entry;
  return [
    mode,
    'bytes' in content
      ? createHash('sha256').update(content.bytes).digest('hex')
      : await fileDigest(content.file),
  ];
}

/** Makes a compressed EROFS image of a tree, or answers the one made before from an equal tree. */
export async function makeErofs(
  tree: Tree,
  time: number,
  tools: Toolroot,
  progress: Progress,
): Promise<string> {
  const content: unknown[] = [];
  for (const [where, entry] of tree.sorted()) content.push([where, await fingerprint(entry)]);
  const key = cacheKey(OPTIONS, time, content);
  const dir = await cached('erofs', key, (into) =>
    progress.task('root file system (EROFS)', async () => {
      const archive = path.join(into, 'root.tar');
      await pipeline(Readable.from(tar(tree, time)), createWriteStream(archive));
      const fixed = ['--tar=f', `-T${time}`, `-U${namedGuid('root')}`];
      await tools.run('usr/bin/mkfs.erofs', [
        ...OPTIONS,
        ...fixed,
        path.join(into, 'root.erofs'),
        archive,
      ]);
      await rm(archive);
    }),
  );
  return path.join(dir, 'root.erofs');
}
