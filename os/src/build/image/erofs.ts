import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Progress } from '../../workstation/progress.ts';
import { namedGuid } from '../formats/gpt.ts';
import { fingerprints, type Tree, twins } from '../formats/tree.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { makeMixedRoot, type Mkfs } from './mixed-root.ts';
import { formatProfile, type TouchedFile } from './profile.ts';

/** `-x-1` keeps extended attributes of the workstation out. */
const OPTIONS = [
  '-zzstd,level=9:lz4hc,level=12:lzma,level=9,dictsize=262144',
  '-C262144',
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

/** Clusters of a root whose reads are recorded: nothing is read beside what a page fault asks for. */
const RECORDED_HINTS = '16384 1 .\n';

const TITLES = {
  'root.erofs': 'root file system (EROFS)',
  'modules.erofs': 'all kernel modules (EROFS)',
} as const;

/** How the parts of large files are compressed that a boot touches, and the others. */
const TOUCHED = { clusterBytes: 65_536, algorithm: 1 };
const UNTOUCHED = { clusterBytes: 262_144, algorithm: 0 };

interface ErofsRequest {
  readonly tree: Tree;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly tools: Toolroot;
  readonly progress: Progress;
  readonly name: keyof typeof TITLES;
  /** What a boot touches. Default: not known. */
  readonly touched?: readonly TouchedFile[];
  /** The root is one whose reads `kios profile` records. */
  readonly forProfile?: boolean;
}

/** Makes a compressed EROFS image of a tree, or returns the cached one of an equal tree. */
export async function makeErofs(request: ErofsRequest): Promise<string> {
  const { tree, time, tools, progress, name, touched = [], forProfile = false } = request;
  const hints = forProfile ? RECORDED_HINTS : HINTS;
  const prints = await fingerprints(tree);
  const profile = formatProfile(touched);
  const key = cacheKey(
    tools.id,
    OPTIONS,
    hints,
    TOUCHED,
    UNTOUCHED,
    time,
    [...prints],
    profile,
    name,
  );
  const dir = await cached('erofs', key, (into) =>
    progress.task(TITLES[name], async (note) => {
      const fixed = ['--tar=f', `-T${time}`, `-U${namedGuid(path.parse(name).name)}`];
      // A SOURCE_DATE_EPOCH of the caller would take precedence over -T.
      const env = { SOURCE_DATE_EPOCH: `${time}` };
      const mkfs: Mkfs = (image, archive, extra) => {
        note(path.parse(image).name);
        return tools.run('usr/bin/mkfs.erofs', [...OPTIONS, ...fixed, ...extra, image, archive], {
          env,
        });
      };
      // Layers of several images hold the same files; hard links keep one copy on disk and in the page cache.
      const links = twins(tree, prints);
      const parts = { touched: TOUCHED, untouched: UNTOUCHED, scratch: into, mkfs, hints, links };
      await makeMixedRoot(path.join(into, name), { tree, time, files: touched, ...parts });
    }),
  );
  return path.join(dir, name);
}
