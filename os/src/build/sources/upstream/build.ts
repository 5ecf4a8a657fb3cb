import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { cached, cacheKey } from '../../../workstation/cache.ts';
import { fileSha256 } from '../../../workstation/digest.ts';
import type { Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run } from '../../../workstation/run.ts';
import { componentDir, type Program, readPrograms } from './components.ts';
import { ensureGo } from './go-toolchain.ts';
import { type CSetup, prepareC } from './sysroot.ts';

/** One program built from an upstream module. */
export interface BuiltProgram {
  readonly path: string;
  readonly sha256: string;
  readonly version: string;
  readonly module: string;
}

/** Returns the arguments of `go build` except the output. Equal inputs give equal bytes. */
export function buildArguments(program: Program): string[] {
  const { component, importPath, version } = program;
  const stamps = Object.entries(component.stamps(version)).map(
    ([name, value]) => `-X=${name}=${value}`,
  );
  const linking = component.cgo === true ? ['-linkmode=external', '-extldflags=-static'] : [];
  const verb = component.tests?.includes(importPath) ? ['test', '-c', '-vet=off'] : ['build'];
  return [
    ...verb,
    '-mod=readonly',
    '-trimpath',
    '-buildvcs=false',
    ...(component.tags.length > 0 ? [`-tags=${component.tags.join(',')}`] : []),
    `-ldflags=${['-s', '-w', '-buildid=', ...stamps, ...linking].join(' ')}`,
    importPath,
  ];
}

/** Returns all of Go's settings that change a program's bytes, so that the caller's environment does not. */
export const buildEnvironment = (arch: Arch, c: CSetup | undefined): Record<string, string> => ({
  GOTOOLCHAIN: 'local',
  GOFLAGS: '-buildvcs=false',
  GOWORK: 'off',
  GOOS: 'linux',
  GOARCH: arch,
  GOAMD64: 'v1',
  GOARM64: 'v8.0',
  ...(c === undefined ? { CGO_ENABLED: '0' } : c.env),
});

interface Recipe {
  readonly program: Program;
  readonly arch: Arch;
  readonly go: string;
  readonly c: CSetup | undefined;
}

async function keyOf({ program, arch, go, c }: Recipe): Promise<string> {
  const dir = componentDir(program.component);
  const files = ['go.mod', 'go.sum'].map((name) => readFile(path.join(dir, name), 'utf8'));
  const version = await run(go, ['version'], { env: { GOTOOLCHAIN: 'local' } });
  const identity = c?.identity ?? [];
  return cacheKey(
    version.trim(),
    arch,
    buildArguments(program),
    identity,
    await Promise.all(files),
  );
}

async function compile(recipe: Recipe, into: string, progress: Progress): Promise<void> {
  const { program, arch, go, c } = recipe;
  const out = path.join(into, program.name);
  const [verb = '', ...rest] = buildArguments(program);
  await progress.task(`${program.name} ${program.version} (${arch})`, (note) =>
    run(go, [verb, '-v', '-o', out, ...rest], {
      cwd: componentDir(program.component),
      env: buildEnvironment(arch, c),
      onLine: note,
    }),
  );
  await writeFile(path.join(into, 'sha256'), await fileSha256(out));
}

let turn: Promise<unknown> = Promise.resolve();

/** Compiles one program at a time: each compilation uses every core and up to 3 GiB of memory. */
export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work);
  turn = result.catch(() => {});
  return result;
}

async function build(recipe: Recipe, progress: Progress): Promise<BuiltProgram> {
  const { program } = recipe;
  const key = await keyOf(recipe);
  const dir = await cached('upstream', `${program.name}-${recipe.arch}-${key}`, (into) =>
    inTurn(() => compile(recipe, into, progress)),
  );
  const file = path.join(dir, program.name);
  return {
    path: file,
    sha256: await readFile(path.join(dir, 'sha256'), 'utf8'),
    version: program.version,
    module: program.component.module,
  };
}

/**
 * Builds upstream programs, unpatched and static, from their Go modules, or takes them from the cache. Names are those
 * of `readPrograms`.
 */
export async function buildUpstream(
  names: readonly string[],
  arch: Arch,
  progress: Progress,
): Promise<Map<string, BuiltProgram>> {
  const known = await readPrograms();
  const programs = names.map((name) => {
    const program = known.get(name);
    if (program !== undefined) return program;
    throw new KiosError('KIOS_UPSTREAM_NAME', `build ${name}: no go.mod in os/upstream names it`, {
      exitCode: EXIT.usage,
    });
  });
  const go = await ensureGo(progress);
  const built = new Map<string, BuiltProgram>();
  for (const program of programs) {
    const c = program.component.cgo === true ? await prepareC(arch, progress) : undefined;
    built.set(program.name, await build({ program, arch, go, c }, progress));
  }
  return built;
}
