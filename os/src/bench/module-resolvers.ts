import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { execa } from 'execa';

import type { ModuleTree } from '../build/kernel/module-trees.ts';
import { openTools } from '../build/sources/debian/toolroot.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { writeAgentRoot } from './agent-root.ts';
import { median } from './median.ts';
import { namesIn } from './module-trees.ts';

/** A program that prints the modules of names and aliases, all in one process. */
interface Resolver {
  readonly name: string;
  readonly command: (tree: ModuleTree, names: readonly string[]) => Promise<readonly string[]>;
}

/** One program on one tree in the output of `bench modules --json`. */
export interface ResolveResult {
  readonly kernel: string;
  readonly names: number;
  readonly program: string;
  /** Processor time for a single name, and for all. */
  readonly oneMs: number;
  readonly allMs: number;
}

/** No settings of the workstation count. */
const NOWHERE = '/nonexistent';

async function kmod({ progress }: CommandContext): Promise<Resolver> {
  const packages = ['kmod', 'libc6', 'libkmod2', 'liblzma5', 'libssl3t64', 'libzstd1', 'zlib1g'];
  const tools = await openTools<'usr/sbin/modprobe'>(packages, progress);
  const modprobe = tools.command('usr/sbin/modprobe');
  return {
    name: 'kmod',
    command: async ({ kernel, root }, names) => [
      ...modprobe,
      `--config=${NOWHERE}`,
      `--dirname=${root}`,
      `--set-version=${kernel}`,
      '--all',
      '--resolve-alias',
      ...names,
    ],
  };
}

/** The agent as it ships, with its bytecode. */
async function kios({ progress, undo }: CommandContext): Promise<Resolver> {
  const image = await mkdtemp(path.join(tmpdir(), 'kios-bench-modules-'));
  undo.defer(() => rm(image, { recursive: true, force: true }));
  await writeAgentRoot('modloader', image, progress);
  const agent = [path.join(image, 'bin/bun'), '--no-install', path.join(image, 'agent/agent.cjs')];
  return {
    name: 'kios',
    // From a file: reading thousands of words of a command line takes longer than looking them up.
    command: async ({ kernel, root }, names) => {
      const list = path.join(image, 'names');
      await writeFile(list, names.join('\n'));
      return [
        ...agent,
        'resolve',
        `--modules-dir=${path.join(root, 'lib/modules')}`,
        `--kernel=${kernel}`,
        `--config-dir=${NOWHERE}`,
        `--policy=${NOWHERE}`,
        `--from=${list}`,
      ];
    },
  };
}

/** Returns the processor time of a program, in milliseconds: unlike wall time it hardly depends on other programs. */
async function timeOf(command: readonly string[]): Promise<number> {
  // kmod fails when it does not know one of the names, as an alias of which a set has only some characters.
  const measure = 'TIMEFORMAT="%U %S"; time "$@" > /dev/null 2>&1 || true';
  const { stderr } = await execa('bash', ['-c', measure, 'bash', ...command], {
    env: { HOME: '/', LC_ALL: 'C', ...RUNTIME_ENV },
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
  });
  const [user = Number.NaN, system = Number.NaN] = stderr.split(' ').map(Number);
  return (user + system) * 1000;
}

/** Returns the programs to compare. */
export const openResolvers = async (context: CommandContext): Promise<readonly Resolver[]> => [
  await kmod(context),
  await kios(context),
];

/** Measures all programs on a tree in turns; the first turn fills the page cache and does not count. */
export async function measureResolvers(
  resolvers: readonly Resolver[],
  tree: ModuleTree,
  rounds: number,
  { progress }: CommandContext,
): Promise<ResolveResult[]> {
  const names = await namesIn(tree);
  const times = resolvers.map((resolver) => ({ resolver, one: [0], all: [0] }));
  await progress.task(`resolve all of ${tree.kernel}`, async (note) => {
    for (let round = 0; round <= rounds; round += 1) {
      note(`round ${round} of ${rounds}`);
      for (const { resolver, one, all } of times) {
        one[round] = await timeOf(await resolver.command(tree, names.slice(0, 1)));
        all[round] = await timeOf(await resolver.command(tree, names));
      }
    }
  });
  return times.map(({ resolver, one, all }) => ({
    kernel: tree.kernel,
    names: names.length,
    program: resolver.name,
    oneMs: median(one.slice(1)),
    allMs: median(all.slice(1)),
  }));
}
