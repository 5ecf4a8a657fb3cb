import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { replace } from '../../build/image/artefacts.ts';
import { buildImage } from '../../build/image/build-image.ts';
import {
  formatProfile,
  LEAST_BYTES,
  type Profile,
  profileFile,
  runsOf,
  type TouchedFile,
} from '../../build/image/profile.ts';
import { storedFile } from '../../build/image/stored-files.ts';
import { openToolroot } from '../../build/sources/debian/toolroot.ts';
import { NODE_PROGRAMS } from '../../build/sources/upstream/components.ts';
import { claimLab } from '../../lab/claim-lab.ts';
import { openEmulator } from '../../lab/qemu/emulator.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import { type Arch, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { recordBoots } from './boots.ts';
import { PageIndex, type SoughtFile } from './resident.ts';

interface ProfileOptions {
  readonly arch: Arch;
  /** How many boots; what any of them touches counts. */
  readonly boots: number;
}

/** A file of the root: its path on the node, and its content. */
interface RootFile extends SoughtFile {
  readonly path: string;
}

/**
 * Modules are other ones on each machine, and the agents' own code changes too often for a profile: it is small, and
 * read as a whole.
 */
const LEFT_OUT = /^\/lib\/modules\/|\/fs\/agent\//;

/** Unpacks the root and returns its large files, of equal ones the first. */
async function filesOf(root: string, into: string, progress: Progress): Promise<RootFile[]> {
  const tools = await openToolroot(progress);
  await rm(into, { recursive: true, force: true });
  await tools.run('usr/bin/fsck.erofs', [`--extract=${into}`, root]);
  const files = new Map<string, RootFile>();
  for (const name of (await pathsBelow(into)).files) {
    const [file, where] = [path.join(into, name), `/${name}`];
    if (LEFT_OUT.test(where) || (await stat(file)).size < LEAST_BYTES) continue;
    const sha256 = await fileSha256(file);
    if (!files.has(sha256)) files.set(sha256, { path: where, sha256, content: storedFile(file) });
  }
  return [...files.values()];
}

type Pages = Map<string, Set<number>>;

function add(to: Pages, found: ReadonlyMap<string, readonly number[]>): void {
  for (const [sha256, pages] of found)
    to.set(sha256, new Set([...(to.get(sha256) ?? []), ...pages]));
}

/** Containerd starts first, and the programs that it runs; agents come last. */
function rank({ path: where }: { readonly path: string }): number {
  const at = NODE_PROGRAMS.findIndex((name) => where === `/bin/${name}`);
  return at === -1 ? NODE_PROGRAMS.length : at;
}

function profileOf(files: readonly RootFile[], first: Pages, all: Pages): Profile {
  const runs = (pages: Pages, sha256: string) =>
    runsOf([...(pages.get(sha256) ?? [])].toSorted((a, b) => a - b));
  return files
    .filter(({ sha256 }) => all.has(sha256))
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ path: where, sha256 }) => ({
      path: where,
      sha256,
      first: runs(first, sha256),
      all: runs(all, sha256),
    }));
}

const count = (runs: TouchedFile['all']): number => runs.reduce((sum, run) => sum + run.count, 0);

function rowOf(title: string, files: Profile): string[] {
  const pages = (runs: 'first' | 'all'): string =>
    String(files.reduce((sum, file) => sum + count(file[runs]), 0));
  return [title, pages('first'), pages('all')];
}

const rowsOf = (profile: Profile): string[][] => [
  ['file', 'pages: first pod', 'all'],
  ...profile.map((file) => rowOf(file.path, [file])),
  rowOf('together', profile),
];

/** `kios profile`. */
export async function profile(
  context: CommandContext,
  { arch, boots }: ProfileOptions,
): Promise<void> {
  const { progress, print } = context;
  using _ = await claimLab(progress);
  await ensurePackages(['build', 'machine'], progress);
  await openEmulator(arch, progress);
  const out = path.join(repository, 'dist', `profile-${arch}`);
  const { image, root } = await buildImage({ arch, progress, out, forProfile: true });
  const files = await progress.task('pages of the root', () =>
    filesOf(root, path.join(out, 'root'), progress),
  );
  const index = await PageIndex.of(files);
  const [first, all]: [Pages, Pages] = [new Map(), new Map()];
  await recordBoots(context, {
    arch,
    image,
    boots,
    saw: async (memory, moment) => {
      const found = await index.residentIn(memory);
      if (moment === 'first pod') add(first, found);
      add(all, found);
    },
  });
  const made = profileOf(files, first, all);
  const file = profileFile(arch);
  await mkdir(path.dirname(file), { recursive: true });
  await replace(file, formatProfile(made));
  await rm(path.join(out, 'root'), { recursive: true, force: true });
  for (const line of formatTable(rowsOf(made))) print(line);
  print('');
  print(`Written to ${path.relative(process.cwd(), file)}. The next build of an image uses it.`);
}
