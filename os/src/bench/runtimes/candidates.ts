import { cp, glob, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import * as v from 'valibot';

import { agentLayer, fetchBun } from '../../build/image/runtime.ts';
import { extract, fetchDebian } from '../../build/sources/debian/archive.ts';
import { commandIn } from '../../build/sources/debian/toolroot.ts';
import { workstationArch } from '../../workstation/arch.ts';
import { cached, cacheKey } from '../../workstation/cache.ts';
import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { writeTree } from '../agent-root.ts';
import type { Candidate } from './plan.ts';
import { probeOf, type Uses } from './uses.ts';

/** A runtime to compare, with the files that it consists of. */
export interface Runtime {
  readonly candidate: Candidate;
  readonly files: readonly string[];
}

/** What the runtimes are given: the agents as they are bundled, and where to write. */
export interface Subject {
  /** The folder of each agent's bundle. */
  readonly bundles: ReadonlyMap<string, string>;
  readonly uses: Uses;
  readonly scratch: string;
}

// QuickJS has timers in its module `os` alone.
const LINE_TEXT = `console.log('a line');\n(globalThis.setInterval ?? os.setTimeout)(() => {}, 1_000_000);\n`;

/** Writes the two small programs into a folder. `before` is what the runtime needs ahead of the probe. */
async function writePrograms(
  folder: string,
  uses: Uses,
  before = '',
): Promise<Pick<Candidate, 'line' | 'probe'>> {
  await mkdir(folder, { recursive: true });
  const [line, probe] = [path.join(folder, 'line.cjs'), path.join(folder, 'probe.cjs')];
  await writeFile(line, LINE_TEXT);
  await writeFile(probe, before + probeOf(uses));
  return { line, probe };
}

/** A program that runs the bundles as they are. */
export async function plain(
  name: string,
  command: readonly string[],
  { bundles, uses, scratch }: Subject,
  files = command.slice(0, 1),
): Promise<Runtime> {
  const agents: Record<string, string> = {};
  for (const [agent, folder] of bundles) agents[agent] = path.join(folder, 'agent.cjs');
  return {
    candidate: {
      name,
      command: [...command],
      env: {},
      ...(await writePrograms(path.join(scratch, name), uses)),
      agents,
    },
    files,
  };
}

/** QuickJS of the image's release: the engine of LLRT, without what a runtime adds. */
export async function quickjs(subject: Subject, progress: Progress): Promise<Runtime> {
  const packages = ['quickjs', 'libc6'];
  const root = await extract(await fetchDebian({ arch: workstationArch(), packages, progress }));
  const command = [...commandIn(root, 'usr/bin/qjs'), '--std'];
  return plain('quickjs', command, subject, [path.join(root, 'usr/bin/qjs')]);
}

/** Bun as it ships, with the agents' bytecode. */
export async function bun(subject: Subject, progress: Progress): Promise<Runtime> {
  const { bundles, uses, scratch } = subject;
  const program = await fetchBun(workstationArch(), progress);
  const agents: Record<string, string> = {};
  for (const [agent, bundle] of bundles) {
    const root = path.join(scratch, 'bun', agent);
    await mkdir(root, { recursive: true });
    await writeTree(await agentLayer(path.join(bundle, 'agent.cjs'), program), root);
    // Its link leads into another layer of the image.
    await cp(path.join(bundle, 'koffi.node'), path.join(root, 'lib/koffi.node'));
    agents[agent] = path.join(root, 'agent/agent.cjs');
  }
  const programs = await writePrograms(path.join(scratch, 'bun'), uses);
  const command = [program, '--no-install'];
  return {
    candidate: { name: 'bun', command, env: RUNTIME_ENV, ...programs, agents },
    files: [program],
  };
}

/** Installs the packages of bench/runtimes, with the hashes of its lock file, and returns their folder. */
async function barePackages(progress: Progress): Promise<string> {
  const from = path.join(repository, 'bench/runtimes');
  const names = ['package.json', 'package-lock.json'];
  const texts = names.map((name) => readFile(path.join(from, name), 'utf8'));
  const dir = await cached('npm', cacheKey(await Promise.all(texts)), (into) =>
    progress.task('bare and its modules', async () => {
      for (const name of names) await cp(path.join(from, name), path.join(into, name));
      await run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: into,
      });
    }),
  );
  return path.join(dir, 'node_modules');
}

const Imports = v.pipe(
  v.string(),
  v.parseJson(),
  v.record(v.string(), v.object({ bare: v.string() })),
);

/**
 * Returns which package stands in for each module of Node. bare looks for all modules of a file before it runs it, so
 * that one that is missing would hide everything else: an empty file stands in for it.
 */
async function standIns(
  modules: string,
  uses: Uses,
  empty: string,
): Promise<Record<string, string>> {
  const packages = v.parse(
    Imports,
    await readFile(path.join(modules, 'bare-node-runtime/imports.json'), 'utf8'),
  );
  const { resolve } = createRequire(path.join(modules, 'start.cjs'));
  const standIn = (module: string): string => {
    try {
      const name = packages[module]?.bare ?? empty;
      resolve(name);
      return name;
    } catch {
      return empty;
    }
  };
  return Object.fromEntries(Object.keys(uses.modules).map((module) => [module, standIn(module)]));
}

const GLOBALS = `require('bare-node-runtime/global');\n`;

/** bare, with what its upstream has in place of Node's modules and globals. */
export async function bare(subject: Subject, progress: Progress): Promise<Runtime> {
  const { bundles, uses, scratch } = subject;
  const modules = await barePackages(progress);
  const home = path.join(scratch, 'bare');
  const programs = await writePrograms(home, uses, GLOBALS);
  await symlink(modules, path.join(home, 'node_modules'));
  const imports = JSON.stringify({ imports: await standIns(modules, uses, './empty.cjs') });
  const agents: Record<string, string> = {};
  for (const [agent, bundle] of [...bundles, ['.', undefined] as const]) {
    const folder = path.join(home, agent);
    if (bundle !== undefined) await cp(bundle, folder, { recursive: true });
    await writeFile(path.join(folder, 'empty.cjs'), 'module.exports = {};\n');
    await writeFile(path.join(folder, 'package.json'), imports);
    const start = path.join(folder, 'start.cjs');
    await writeFile(start, `${GLOBALS}process.argv[1] = ${JSON.stringify(path.join(folder, 'agent.cjs'))};\nrequire('./agent.cjs');\n`); // prettier-ignore
    agents[agent] = start;
  }
  const program = path.join(modules, 'bare-runtime-linux-x64/bin/bare');
  const files = [program];
  for await (const name of glob('*/prebuilds/linux-x64/*.bare', { cwd: modules }))
    files.push(path.join(modules, name));
  return {
    candidate: { name: 'bare', command: [program], env: {}, ...programs, agents },
    files,
  };
}
