import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';

import { AGENTS } from '../../build/shipped.ts';
import { openToolroot, type Toolroot } from '../../build/sources/debian/toolroot.ts';
import { cached, cacheKey } from '../../workstation/cache.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { repository } from '../../workstation/paths.ts';
import { run } from '../../workstation/run.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { buildWorkspaces } from '../../workstation/turbo.ts';
import { median, tenths } from '../median.ts';
import { bare, bun, plain, quickjs, type Runtime, type Subject } from './candidates.ts';
import { LINE, Outcome, type Plan } from './plan.ts';
import { usesOf } from './uses.ts';
import { verdictOf } from './verdict.ts';

interface RuntimesOptions {
  readonly json: boolean;
  readonly rounds: number;
  /** Paths of further runtimes, by name. */
  readonly others: ReadonlyMap<string, string>;
}

/** Arguments of the agents' containers, with folders of the sandbox in place of those that their pods mount. */
const ARGUMENTS: Readonly<Record<(typeof AGENTS)[number], string[]>> = {
  bootstrap: ['watch', '--etc=/run/etc', '--firmware=/run/firmware', '--kubepods=/run/kubepods'],
  'chrony-config': ['watch'],
  cni: ['install'],
  dhcp: ['run'],
  modloader: ['run', '--profile=kubernetes'],
  resize: ['grow'],
};

/** A sandbox with a network, processes, /run and /var/lib of its own, in which nothing else can be written. */
const SANDBOX = [
  '--unshare-all --die-with-parent --uid 0 --gid 0',
  '--cap-drop ALL --cap-add CAP_NET_ADMIN --cap-add CAP_NET_RAW',
  '--ro-bind / / --dev /dev --proc /proc --tmpfs /run --tmpfs /var/lib',
].flatMap((flags) => flags.split(' '));

const Sizes = v.object({
  /** Without symbols. */
  bytes: v.number(),
  /** In a root like the node's: LZ4, and as small as it gets. */
  lz4Bytes: v.number(),
  zstdBytes: v.number(),
});
type Sizes = Readonly<v.InferOutput<typeof Sizes>>;

const COMPRESSIONS = {
  lz4Bytes: ['-zlz4hc,level=12', '-C65536'],
  zstdBytes: ['-zzstd,level=9', '-C262144'],
} as const;

/** Measures the files of a runtime in a folder. */
async function measureFiles(
  files: readonly string[],
  folder: string,
  tools: Toolroot,
): Promise<Sizes> {
  const root = path.join(folder, 'root');
  await mkdir(root);
  let bytes = 0;
  for (const file of files) {
    const copy = path.join(root, path.basename(file));
    await copyFile(file, copy);
    await run('strip', [copy]);
    bytes += (await stat(copy)).size;
  }
  const compressed = async (name: keyof typeof COMPRESSIONS): Promise<number> => {
    const image = path.join(folder, name);
    await tools.run('usr/bin/mkfs.erofs', [...COMPRESSIONS[name], '--quiet', image, root]);
    return (await stat(image)).size;
  };
  const [lz4Bytes, zstdBytes] = [await compressed('lz4Bytes'), await compressed('zstdBytes')];
  await rm(folder, { recursive: true });
  return { bytes, lz4Bytes, zstdBytes };
}

/** Measures the files of a runtime, or returns what an earlier run has measured: that takes minutes. */
async function sizesOf({ files }: Runtime, scratch: string, tools: Toolroot): Promise<Sizes> {
  const digests = await Promise.all(files.map(fileSha256));
  const dir = await cached(
    'runtime-sizes',
    cacheKey(tools.id, digests, COMPRESSIONS),
    async (into) => {
      const sizes = await measureFiles(files, await mkdtemp(path.join(scratch, 'size-')), tools);
      await writeFile(path.join(into, 'sizes.json'), JSON.stringify(sizes));
    },
  );
  const text = await readFile(path.join(dir, 'sizes.json'), 'utf8');
  return v.parse(v.pipe(v.string(), v.parseJson(), Sizes), text);
}

type Result = Outcome & Sizes;

const mib = (kib: number | undefined): string =>
  kib === undefined ? '-' : tenths(kib / 1024).toFixed(1);
const mb = (bytes: number): string => tenths(bytes / 1e6).toFixed(1);
const ms = (values: readonly number[]): string =>
  values.length === 0 ? '-' : median(values).toFixed(1);

/** Prints the results as tables. The first is the runtime that ships. */
function report(results: readonly Result[], print: (line: string) => void): void {
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): void => {
    for (const line of formatTable([head, ...rows])) print(line);
    print('');
  };
  table(
    [
      '',
      'MB',
      'MB LZ4',
      'MB zstd',
      'ms to a line',
      'of processor',
      'MiB written',
      'private',
      'share',
      'lacks',
    ],
    results.map(({ name, bytes, lz4Bytes, zstdBytes, lacks, programs }) => {
      const { firstLineMs = [], cpuMs = [], memory } = programs[LINE] ?? {};
      const sizes = [bytes, lz4Bytes, zstdBytes].map(mb);
      const parts = [memory?.writtenKiB, memory?.privateKiB, memory?.shareKiB].map(mib);
      return [name, ...sizes, ms(firstLineMs), ms(cpuMs), ...parts, String(lacks.length)];
    }),
  );
  const rows = AGENTS.flatMap((agent) =>
    results.map(({ name, programs }) => {
      const { firstLineMs = [], cpuMs = [], memory } = programs[agent] ?? {};
      const how = verdictOf(programs[agent], results[0]?.programs[agent]);
      const times = [ms(firstLineMs), ms(cpuMs)];
      return [agent, name, ...times, mib(memory?.writtenKiB), mib(memory?.shareKiB), how];
    }),
  );
  table(['', '', 'ms to its first line', 'of processor', 'MiB written', 'share', ''], rows);
  for (const { name, lacks } of results)
    if (lacks.length > 0) print(`${name} lacks ${lacks.join(', ')}`);
}

/** Bundles the agents that ship, and reads what they use. */
async function subjectIn(scratch: string, { progress }: CommandContext): Promise<Subject> {
  await progress.task('agents', (note) =>
    buildWorkspaces(
      AGENTS.map((name) => `@kios/${name}`),
      { onLine: note },
    ),
  );
  const folders = AGENTS.map((name) => path.join(repository, 'agents', name, 'dist'));
  const texts: string[] = [];
  for (const folder of folders)
    for (const name of (await readdir(folder)).filter((file) => file.endsWith('.cjs')))
      texts.push(await readFile(path.join(folder, name), 'utf8'));
  const bundles = new Map(AGENTS.map((name, index) => [name, folders[index] ?? '']));
  return { bundles, uses: usesOf(texts), scratch };
}

async function outcomesOf(plan: Plan): Promise<Outcome[]> {
  const inside = path.join(import.meta.dirname, 'starts-main.ts');
  const input = JSON.stringify(plan);
  const output = await run('bwrap', [...SANDBOX, '--', process.execPath, inside], { input });
  return v.parse(v.pipe(v.string(), v.parseJson(), v.array(Outcome)), output);
}

/** `kios bench runtimes`. */
export async function benchRuntimes(
  context: CommandContext,
  options: RuntimesOptions,
): Promise<void> {
  const { progress, print, undo } = context;
  await ensurePackages(['build', 'runtimes'], progress);
  const scratch = await mkdtemp(path.join(tmpdir(), 'kios-runtimes-'));
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  const subject = await subjectIn(scratch, context);
  const node = process.execPath;
  const runtimes = [
    await bun(subject, progress),
    await plain('node', [node], subject),
    await plain('node --jitless', [node, '--jitless'], subject),
    await bare(subject, progress),
    await quickjs(subject, progress),
  ];
  for (const [name, program] of options.others)
    runtimes.push(await plain(name, [path.resolve(program)], subject));
  const tools = await openToolroot(progress);
  const sizes = await progress.task('sizes', async (note) => {
    const all: Sizes[] = [];
    for (const runtime of runtimes) {
      note(runtime.candidate.name);
      all.push(await sizesOf(runtime, scratch, tools));
    }
    return all;
  });
  const candidates = runtimes.map(({ candidate }) => candidate);
  const outcomes = await progress.task(
    `${candidates.length} runtimes, ${options.rounds} rounds`,
    () => outcomesOf({ candidates, agents: ARGUMENTS, rounds: options.rounds }),
  );
  const results = outcomes.map((outcome, index): Result => ({ ...outcome, ...sizes[index]! }));
  if (options.json) print(JSON.stringify({ runtimes: results }));
  else report(results, print);
}
