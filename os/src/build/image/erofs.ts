import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { namedGuid } from '../formats/gpt.ts';
import { tar } from '../formats/tar.ts';
import { fingerprints, type Tree, twins } from '../formats/tree.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';

/**
 * `ztailpacking` stores the tail of a file beside its inode. `-x-1` keeps extended attributes of the workstation out.
 */
const OPTIONS = [
  '-zzstd,level=9:lz4hc,level=12:lzma,level=9,dictsize=262144',
  '-C262144',
  '-Eztailpacking',
  '-x-1',
  '--all-root',
  '--quiet',
];

/**
 * Cluster size in bytes and algorithm (its position in `-z`) by path, for mkfs.erofs. A page fault decompresses a whole
 * cluster, so programs on the boot path, which are read here and there, get small clusters, most of them in LZ4: 19 MB
 * larger, but a fifth of the instructions. Modules, which few machines read, are LZMA. Everything else is as small as
 * possible. Init reads ahead by the same 64 KiB.
 */
const HINTS =
  '65536 1 ^bin/(containerd|containerd-shim-runc-v2|kubelet)$\n65536 0 ^bin/\n65536 1 /bin/bun$\n262144 2 ^lib/modules/\n';

const TITLES = {
  'root.erofs': 'root file system (EROFS)',
  'modules.erofs': 'all kernel modules (EROFS)',
} as const;

/** Makes a compressed EROFS image of a tree, or returns the cached one of an equal tree. */
export async function makeErofs(
  tree: Tree,
  time: number,
  tools: Toolroot,
  progress: Progress,
  name: 'root.erofs' | 'modules.erofs' = 'root.erofs',
): Promise<string> {
  const prints = await fingerprints(tree);
  const key = cacheKey(tools.id, OPTIONS, HINTS, time, [...prints], name);
  const dir = await cached('erofs', key, (into) =>
    progress.task(TITLES[name], async () => {
      const archive = path.join(into, 'files.tar');
      // Layers of several images hold the same files; hard links keep one copy on disk and in the page cache.
      const entries = tar(tree, time, twins(tree, prints));
      await pipeline(Readable.from(entries), createWriteStream(archive));
      const hints = path.join(into, 'hints');
      await writeFile(hints, HINTS);
      const id = namedGuid(path.parse(name).name);
      const fixed = ['--tar=f', `-T${time}`, `-U${id}`, `--compress-hints=${hints}`];
      const args = [...OPTIONS, ...fixed, path.join(into, name), archive];
      // A SOURCE_DATE_EPOCH of the caller would take precedence over -T.
      await tools.run('usr/bin/mkfs.erofs', args, { env: { SOURCE_DATE_EPOCH: `${time}` } });
      await rm(archive);
      await rm(hints);
    }),
  );
  return path.join(dir, name);
}
