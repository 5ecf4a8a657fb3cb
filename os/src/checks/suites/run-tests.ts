import path from 'node:path';

import { EXIT } from '@kios/errors';

import { buildKernel } from '../../build/kernel/build.ts';
import { openToolroot } from '../../build/sources/debian/toolroot.ts';
import { ensureGo } from '../../build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../workstation/arch.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages, type Need } from '../../workstation/packages.ts';
import { repository, stateDir } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { ensureSpace } from '../../workstation/space.ts';
import { explain, formatExplanation } from '../../workstation/terminal/explain.ts';
import { unacceptedSkips } from './accepted-skips.ts';
import { programsFor } from './programs.ts';
import { add, type Counts, formatCounts, NONE, ONE_FAILED } from './results.ts';
import { runCommand, runScript, type RunScriptOptions, type ScriptOutcome } from './run-script.ts';
import { BACKGROUND, EXCLUSIVE, fileOf, SCRIPTS, type SuiteName } from './suites.ts';
import { findScripts, type TestScript } from './workspaces.ts';

/** Checks beside the tests that must pass too; turbo skips unchanged ones. */
const GATES: readonly TestScript[] = [
  { title: 'boundaries', cwd: repository, command: 'turbo boundaries' },
  {
    title: 'build, types, lint',
    cwd: repository,
    command: 'turbo run build typecheck lint --output-logs=errors-only',
  },
];

const NEEDS: Readonly<Record<SuiteName, readonly Need[]>> = {
  unit: ['build', 'unit', 'media'],
  netns: ['netns'],
  e2e: ['build', 'machine', 'media', 'media-tests'],
};

const inCi = (): boolean => process.env['CI'] === 'true';

/** Makes tests that cannot run fail in CI, and say why. */
const strictness = (): Record<string, string> =>
  inCi() ? { KIOS_REQUIRE_ROOT: '1', KIOS_REQUIRE_CLUSTER: '1' } : {};

/** Counts skipped tests as failed in CI, where a skip would hide that nothing was proved. */
async function judgeSkips({ counts, skipped, output }: ScriptOutcome): Promise<ScriptOutcome> {
  const refused = inCi() ? await unacceptedSkips(skipped) : [];
  if (refused.length === 0) return { counts, skipped, output };
  return {
    counts: {
      passed: counts.passed,
      failed: counts.failed + refused.length,
      skipped: counts.skipped - refused.length,
    },
    skipped,
    output: [output, ...refused.map((name) => `skipped, which CI does not accept: ${name}`)].join(
      '\n',
    ),
  };
}

/** Returns the environment of test scripts, after installing and building what is missing. */
async function environmentFor(
  suites: readonly SuiteName[],
  progress: Progress,
): Promise<Readonly<Record<string, string>>> {
  await ensureSpace();
  await ensurePackages([...new Set(suites.flatMap((suite) => NEEDS[suite]))], progress);
  const go = await ensureGo(progress);
  return {
    ...strictness(),
    NO_COLOR: '1',
    ...(await programsFor(suites, progress)),
    PATH: `${path.dirname(go)}:${process.env['PATH'] ?? ''}`,
    // Tests boot their own nodes beside one that may already run.
    KIOS_STATE_DIR: path.join(stateDir, 'test'),
  };
}

type Stage = (options: RunScriptOptions) => Promise<ScriptOutcome>;

async function runGate(gate: TestScript, options: RunScriptOptions): Promise<ScriptOutcome> {
  const { ok, lines } = await runCommand(gate.command, gate.cwd, options);
  return { counts: ok ? NONE : ONE_FAILED, skipped: [], output: lines.join('\n') };
}

/** Adds up the counts of a run's stages. A stage that cannot run counts as one failed test. */
export class TestRun {
  readonly #context: CommandContext;
  counts: Counts = NONE;
  readonly failures: string[] = [];

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async stage(title: string, env: Readonly<Record<string, string>>, work: Stage): Promise<void> {
    const { progress, signal } = this.#context;
    try {
      const outcome = await progress.task(title, (note) => work({ env, note, signal }));
      this.#report(title, await judgeSkips(outcome));
    } catch (error) {
      this.fail(title, error);
    }
  }

  fail(title: string, error: unknown): void {
    const output = formatExplanation(explain(error)).join('\n');
    this.#report(title, { counts: ONE_FAILED, skipped: [], output });
  }

  #report(title: string, { counts, output }: ScriptOutcome): void {
    if (counts.failed > 0) {
      for (const line of [`---- ${title}`, output.trimEnd(), '----']) this.#context.print(line);
      this.failures.push(title);
    }
    this.counts = add(this.counts, counts);
    if (counts !== NONE) this.#context.progress.info(`  ${title}: ${formatCounts(counts)}`);
  }

  /** Prints the counts and sets the exit code. A run without a passed test fails too. */
  end(): void {
    const { passed, failed } = this.counts;
    if (failed > 0 || passed === 0) {
      for (const title of this.failures) this.#context.progress.info(`failed: ${title}`);
      process.exitCode = EXIT.data;
    }
    this.#context.print(formatCounts(this.counts));
  }
}

/**
 * Builds the image's kernel with the processor time that tests leave. A failure is reported where the kernel is
 * awaited.
 */
function buildKernelBeside(progress: Progress): Promise<unknown> {
  const build = async (): Promise<unknown> =>
    buildKernel(workstationArch(), await openToolroot(progress), progress, 'idle');
  const kernel = build();
  kernel.catch(() => {});
  return kernel;
}

async function runScripts(
  name: string,
  env: Readonly<Record<string, string>>,
  run: TestRun,
): Promise<void> {
  for (const script of await findScripts(name))
    await run.stage(script.title, env, (options) => runScript(script, options));
}

async function runSuites(
  suites: readonly SuiteName[],
  env: Readonly<Record<string, string>>,
  run: TestRun,
  progress: Progress,
): Promise<void> {
  if (suites.includes('unit'))
    for (const gate of GATES) await run.stage(gate.title, env, (options) => runGate(gate, options));
  const scripts = suites.flatMap((suite) => SCRIPTS[suite]);
  const machine = scripts.includes(EXCLUSIVE);
  const kernel = machine ? buildKernelBeside(progress) : undefined;
  const isBeside = (name: string): boolean => machine && BACKGROUND.includes(name);
  const background = Promise.all(
    scripts.filter(isBeside).map((name) => runScripts(name, env, run)),
  );
  try {
    for (const name of scripts.filter((script) => !isBeside(script))) {
      if (SCRIPTS.e2e.includes(name)) await kernel;
      if (name === EXCLUSIVE) await background;
      await runScripts(name, env, run);
    }
  } finally {
    // Also when the kernel fails: its results come before the counts.
    await background;
  }
}

/** Runs suites on guests by their names, whatever their records say. */
async function runGuests(
  names: readonly string[],
  env: Readonly<Record<string, string>>,
  run: TestRun,
): Promise<void> {
  for (const { title, cwd, command } of await findScripts(EXCLUSIVE))
    for (const name of names) {
      const file = path.relative(cwd, path.join(repository, fileOf(name)));
      const script = { title: `${title} ${name}`, cwd, command: `${command} ${file}` };
      const asked = { ...env, KIOS_RUN_RECORDED: 'always' };
      await run.stage(script.title, asked, (options) => runScript(script, options));
    }
}

/**
 * Runs the suites to their end even when some fail, and ends with one line of counts. With `guests`, of what boots the
 * image only these run.
 */
export async function runTests(
  context: CommandContext,
  suites: readonly SuiteName[],
  guests: readonly string[] = [],
): Promise<void> {
  const run = new TestRun(context);
  try {
    const env = await environmentFor(suites, context.progress);
    if (guests.length > 0) await runGuests(guests, env, run);
    else await runSuites(suites, env, run, context.progress);
  } catch (error) {
    run.fail('set-up', error);
  }
  run.end();
}
