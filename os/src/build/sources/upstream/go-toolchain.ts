import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { workstationArch } from '../../../workstation/arch.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run } from '../../../workstation/run.ts';
import { GO_TOOLCHAINS } from '../../versions.ts';
import { extract, fetchDebian } from '../debian/archive.ts';
import { checkHash } from '../integrity.ts';
import { COMPONENTS, readGoMod } from './components.ts';
import { compareGoVersions } from './go-mod.ts';

/** The oldest Go that can fetch a newer toolchain by itself. */
const FETCHES_TOOLCHAINS = '1.21';

/** Common places of a Go command; the first is searched on the path. */
const CANDIDATES = ['go', '/usr/local/go/bin/go', '/usr/lib/go/bin/go', '/snap/bin/go'];

/** Debian's Go is too old for the upstream programs, but can fetch the toolchain that they need. */
const DEBIAN_GO = { package: 'golang-1.24-go', root: 'usr/lib/go-1.24' };

/** A Go command and its own version, such as `go1.26.8`. */
export interface FoundGo {
  readonly file: string;
  readonly version: string;
}

async function goEnv(file: string, name: string, toolchain: string): Promise<string> {
  const value = await run(file, ['env', name], { env: { GOTOOLCHAIN: toolchain }, cwd: '/' });
  return value.trim();
}

async function probe(file: string): Promise<FoundGo | undefined> {
  try {
    return { file, version: await goEnv(file, 'GOVERSION', 'local') };
  } catch {
    return undefined;
  }
}

/** A choice among a workstation's Go commands: use one, fetch the toolchain with one, or get a Go that can fetch it. */
export type GoChoice =
  | { readonly use: FoundGo }
  | { readonly fetchWith: FoundGo }
  | { readonly fetchWith: undefined };

/**
 * Chooses the first Go of exactly this version, or else the first that can fetch toolchains. A newer Go is not used
 * itself: it makes other bytes from the same sources.
 */
export function chooseGo(found: readonly FoundGo[], wanted: string): GoChoice {
  const use = found.find((go) => compareGoVersions(go.version, wanted) === 0);
  if (use !== undefined) return { use };
  return {
    fetchWith: found.find((go) => compareGoVersions(go.version, FETCHES_TOOLCHAINS) >= 0),
  };
}

async function fetchDebianGo(progress: Progress): Promise<FoundGo> {
  const debs = await fetchDebian({
    arch: workstationArch(),
    packages: [DEBIAN_GO.package],
    progress,
  });
  const file = path.join(await extract(debs), DEBIAN_GO.root, 'bin', 'go');
  const go = await probe(file);
  if (go !== undefined) return go;
  throw new KiosError('KIOS_GO_MISSING', `run ${DEBIAN_GO.package} of Debian on this workstation`, {
    exitCode: EXIT.unavailable,
    remedy: `Install any Go from ${FETCHES_TOOLCHAINS} on; it fetches the toolchain that is needed.`,
  });
}

const Download = v.pipe(v.string(), v.parseJson(), v.object({ Sum: v.string() }));

/** Fetches a toolchain into the module cache, and returns the hash of what came. */
async function download(bootstrap: FoundGo, name: string): Promise<string> {
  const module = `golang.org/toolchain@v0.0.1-${name}`;
  const env = { GOTOOLCHAIN: 'local' };
  const output = await run(bootstrap.file, ['mod', 'download', '-json', module], { env, cwd: '/' });
  return v.parse(Download, output).Sum;
}

/**
 * Makes `bootstrap` fetch the toolchain `wanted` into the module cache, as the module `golang.org/toolchain`. Go
 * compares it with its checksum database, which a setting of the workstation may have switched off, so this compares
 * it with the hash in the repository before it is run.
 */
export async function fetchToolchain(
  bootstrap: FoundGo,
  wanted: string,
  progress: Progress,
): Promise<string> {
  return progress.task(`Go ${wanted}: toolchain from the module proxy`, async () => {
    const name = `go${wanted}.linux-${workstationArch()}`;
    checkHash(`the Go toolchain ${name}`, await download(bootstrap, name), GO_TOOLCHAINS[name]);
    // Switching to it also makes its programs executable.
    const root = await goEnv(bootstrap.file, 'GOROOT', `go${wanted}`);
    return path.join(root, 'bin', 'go');
  });
}

let ensured: Promise<string> | undefined;

/**
 * Returns a Go command of the version that the upstream modules need: the workstation's, or one in the module cache.
 */
export function ensureGo(progress: Progress): Promise<string> {
  ensured ??= findOrFetch(progress).catch((error: unknown) => {
    ensured = undefined;
    throw error;
  });
  return ensured;
}

async function findOrFetch(progress: Progress): Promise<string> {
  const mods = await Promise.all(COMPONENTS.map(readGoMod));
  const wanted =
    mods
      .map((mod) => mod.go)
      .toSorted(compareGoVersions)
      .at(-1) ?? '0';
  const found = await Promise.all(CANDIDATES.map(probe));
  const choice = chooseGo(
    found.filter((go) => go !== undefined),
    wanted,
  );
  if ('use' in choice) return choice.use.file;
  return fetchToolchain(choice.fetchWith ?? (await fetchDebianGo(progress)), wanted, progress);
}
