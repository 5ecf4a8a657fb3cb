import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { cached, cacheKey } from '../../../workstation/cache.ts';
import { fileSha256 } from '../../../workstation/digest.ts';
import { cacheDir, type Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run } from '../../../workstation/run.ts';
import { checkHash } from '../integrity.ts';
import { findMirror } from './mirror.ts';

/** The Debian release that every package of the image comes from. */
export const SUITE = 'trixie';

const Deb = v.object({
  name: v.string(),
  version: v.string(),
  arch: v.string(),
  sha256: v.string(),
  /** The `.deb` file in the cache. */
  file: v.string(),
});
const Debs = v.array(Deb);

/** A package file, verified with the archive's signed index. */
export type Deb = Readonly<v.InferOutput<typeof Deb>>;

interface Candidate extends Omit<Deb, 'file'> {
  readonly uriName: string;
}

/** Milliseconds for which resolved versions are used before they are looked up again. */
const FRESH_MS = 24 * 3600 * 1000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const configuration = (home: string, arch: Arch): string =>
  [
    `Dir::State "${home}/state";`,
    `Dir::State::status "${home}/status";`,
    `Dir::Cache "${home}/cache";`,
    `Dir::Etc "${home}";`,
    `Dir::Etc::sourcelist "${home}/sources.list";`,
    'Dir::Etc::sourceparts "/dev/null"; Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";',
    `APT::Architecture "${arch}"; APT::Architectures { "${arch}"; };`,
    // The sandbox user cannot write into another user's cache.
    'APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3"; Acquire::http::Timeout "30";',
    '',
  ].join('\n');

type Component = 'main' | 'non-free-firmware';

const source = (uri: string, suite: string, component: Component = 'main'): string =>
  `deb [signed-by=${KEYRING}] ${uri} ${suite} ${component}`;

/** Returns the suite and its updates as lines of apt's sources.list. */
export async function suiteSources(component: Component = 'main'): Promise<string[]> {
  const { main, security } = await findMirror();
  return [
    source(main, SUITE, component),
    source(main, `${SUITE}-updates`, component),
    source(security, `${SUITE}-security`, component),
  ];
}

async function backportsSources(): Promise<string[]> {
  const { main } = await findMirror();
  return [source(main, SUITE), source(main, `${SUITE}-backports`)];
}

/** Archives with a set-up of their own, so that other packages never come from there. */
const OTHER_ARCHIVES = {
  backports: backportsSources,
  'non-free-firmware': () => suiteSources('non-free-firmware'),
} as const;

type OtherArchive = keyof typeof OTHER_ARCHIVES;

/** Writes a private set-up of apt, which neither reads nor changes the workstation's sources, lists and packages. */
async function prepare(home: string, arch: Arch, sources: readonly string[]): Promise<string> {
  for (const dir of ['state/lists/partial', 'cache/archives/partial'])
    await mkdir(path.join(home, dir), { recursive: true });
  await writeFile(path.join(home, 'status'), '');
  await writeFile(path.join(home, 'sources.list'), `${sources.join('\n')}\n`);
  const file = path.join(home, 'apt.conf');
  await writeFile(file, configuration(home, arch));
  return file;
}

/** Parses one line of `apt-get download --print-uris`: `'URI' name_version_arch.deb size SHA256:hex`. */
export function parseUri(line: string): Candidate | undefined {
  const match = /^'[^']+' (\S+) \d+ SHA256:([0-9a-f]{64})$/.exec(line.trim());
  const [name, version, tail] = decodeURIComponent(match?.[1] ?? '').split('_');
  if (match === null || name === undefined || version === undefined || tail === undefined)
    return undefined;
  return { name, version, arch: tail.replace(/\.deb$/, ''), sha256: match[2]!, uriName: match[1]! };
}

const age = async (file: string): Promise<number> =>
  stat(file).then(
    (status) => Date.now() - status.mtimeMs,
    () => Infinity,
  );

async function update(conf: string, home: string, progress: Progress): Promise<void> {
  const stamp = path.join(home, 'updated');
  if ((await age(stamp)) < FRESH_MS) return;
  try {
    await progress.task(`Debian ${SUITE}: package lists`, () =>
      // Without --error-on=any, apt succeeds when it could fetch nothing.
      run('apt-get', ['update', '-q', '--error-on=any', '-c', conf]),
    );
    await writeFile(stamp, '');
  } catch (cause) {
    // Old lists are better than none: the packages that they name may be in the cache.
    if ((await age(stamp)) === Infinity) throw cause;
    progress.info(`Debian ${SUITE}: package lists could not be updated; using the old ones`);
  }
}

async function resolve(conf: string, packages: readonly string[]): Promise<Candidate[]> {
  const output = await run('apt-get', ['download', ...packages, '--print-uris', '-c', conf]);
  const found = output.split('\n').flatMap((line) => parseUri(line) ?? []);
  const missing = packages.filter((name) => !found.some((deb) => deb.name === name));
  if (missing.length > 0)
    throw new KiosError('KIOS_PACKAGE', `find ${missing.join(', ')} in Debian ${SUITE}`, {
      exitCode: EXIT.unavailable,
    });
  return found;
}

async function download(conf: string, deb: Candidate): Promise<Deb> {
  const dir = await cached('deb', deb.sha256, async (into) => {
    await run('apt-get', ['download', `${deb.name}=${deb.version}`, '-q', '-c', conf], {
      cwd: into,
    });
    const file = path.join(into, (await readdir(into))[0]!);
    checkHash(`the Debian package ${deb.name} ${deb.version}`, await fileSha256(file), deb.sha256);
    await rename(file, path.join(into, 'package.deb'));
  });
  const { uriName: _, ...rest } = deb;
  return { ...rest, file: path.join(dir, 'package.deb') };
}

export interface FetchRequest {
  readonly arch: Arch;
  readonly packages: readonly string[];
  readonly progress: Progress;
  /** Default: the suite itself, of which only free packages. */
  readonly archive?: OtherArchive;
}

const homeOf = (arch: Arch, archive: string = SUITE): string =>
  path.join(cacheDir, 'apt', `${archive}-${arch}`);

/** Returns the packages of a recent fetch, if their files are still in the cache. */
async function remembered(memo: string): Promise<Deb[] | undefined> {
  if ((await age(memo)) >= FRESH_MS) return undefined;
  const debs = v.safeParse(Debs, JSON.parse(await readFile(memo, 'utf8')));
  const whole = debs.success && debs.output.every(({ file }) => existsSync(file));
  return whole ? debs.output : undefined;
}

/** Fetches packages by name in the suite's present version, which is looked up at most once a day. */
export async function fetchDebian(request: FetchRequest): Promise<Deb[]> {
  const { arch, packages, progress, archive } = request;
  const home = homeOf(arch, archive);
  const memo = path.join(home, `resolved-${cacheKey(packages)}.json`);
  const known = await remembered(memo);
  if (known !== undefined) return known;
  const sources = await (archive === undefined ? suiteSources() : OTHER_ARCHIVES[archive]());
  const conf = await prepare(home, arch, sources);
  await update(conf, home, progress);
  const candidates = await resolve(conf, packages);
  const debs = await progress.task(
    `Debian ${SUITE}: ${packages.length} packages (${arch})`,
    async (note) => {
      const done: Deb[] = [];
      for (const candidate of candidates) {
        note(`${candidate.name} ${candidate.version}`);
        done.push(await download(conf, candidate));
      }
      return done;
    },
  );
  await writeFile(`${memo}.tmp`, JSON.stringify(debs));
  await rename(`${memo}.tmp`, memo);
  return debs;
}

/** Returns the name of the dependency of a meta package, such as `linux-image-cloud-amd64`, that matches `pattern`. */
export async function dependencyOf(
  arch: Arch,
  name: string,
  pattern: RegExp,
  progress: Progress,
): Promise<string> {
  const home = homeOf(arch);
  const conf = await prepare(home, arch, await suiteSources());
  await update(conf, home, progress);
  const output = await run('apt-cache', ['depends', name, '-c', conf]);
  const found = output.split('\n').find((line) => line.includes('Depends:') && pattern.test(line));
  if (found === undefined)
    throw new KiosError('KIOS_PACKAGE', `find the dependency of ${name} in Debian ${SUITE}`, {
      exitCode: EXIT.unavailable,
    });
  return found.split('Depends:')[1]!.trim();
}

/** Unpacks packages into one folder of the cache and returns its path. Maintainer scripts never run. */
export async function extract(debs: readonly Deb[]): Promise<string> {
  return cached('root', cacheKey(debs.map((deb) => deb.sha256)), async (into) => {
    for (const deb of debs) await run('dpkg-deb', ['-x', deb.file, into]);
  });
}
