import path from 'node:path';

import { EXIT } from '@kios/errors';

import type { Cli } from '../commands/cli.ts';
import { ensurePackages, type Need } from '../host/packages.ts';
import { repository, stateDir } from '../host/paths.ts';
import { ensureSpace } from '../host/space.ts';
import { ensureGo } from '../upstream/go-toolchain.ts';
import { programsFor } from './programs.ts';
import { add, type Counts, formatCounts, NONE, ONE_FAILED } from './results.ts';
import { runCommand, runScript, type RunScriptOptions } from './run-script.ts';
import { SCRIPTS, type SuiteName } from './suites.ts';
import { findScripts, type TestScript } from './workspaces.ts';

/** Checks that are no tests but must hold as well; turbo answers unchanged ones from its cache. */
const GATES: readonly TestScript[] = [
  { title: 'boundaries', cwd: repository, command: 'turbo boundaries' },
  {
    title: 'build, types, lint',
    cwd: repository,
    command: 'turbo run build typecheck lint --output-logs=errors-only',
  },
];

const NEEDS: Readonly<Record<SuiteName, readonly Need[]>> = {
  unit: ['build', 'unit'],
  netns: ['netns'],
  e2e: ['build', 'machine'],
};

/** In CI a test that cannot run there is a failure: a skip would hide that nothing was proved. */
const strictness = (): Record<string, string> =>
  process.env['CI'] === 'true' ? { KIOS_REQUIRE_ROOT: '1', KIOS_REQUIRE_CLUSTER: '1' } : {};

class TestRun {
  readonly #cli: Cli;
  readonly #env: Readonly<Record<string, string>>;
  counts: Counts = NONE;
  readonly failures: string[] = [];

  constructor(cli: Cli, env: Readonly<Record<string, string>>) {
    this.#cli = cli;
    this.#env = env;
  }

  #options(note: (line: string) => void): RunScriptOptions {
    return { env: this.#env, note, signal: this.#cli.signal };
  }

  async gate(gate: TestScript): Promise<void> {
    const { ok, lines } = await this.#cli.progress.task(gate.title, (note) =>
      runCommand(gate.command, gate.cwd, this.#options(note)),
    );
    if (!ok) this.#failed(gate.title, lines.join('\n'), ONE_FAILED);
  }

  async script(script: TestScript): Promise<void> {
    const { counts, output } = await this.#cli.progress.task(script.title, (note) =>
      runScript(script, this.#options(note)),
    );
    if (counts.failed > 0) this.#failed(script.title, output, counts);
    else this.#count(script.title, counts);
  }

  #count(title: string, counts: Counts): void {
    this.counts = add(this.counts, counts);
    this.#cli.progress.info(`  ${title}: ${formatCounts(counts)}`);
  }

  #failed(title: string, output: string, counts: Counts): void {
    this.#cli.print(`---- ${title}`);
    this.#cli.print(output.trimEnd());
    this.#cli.print('----');
    this.failures.push(title);
    this.#count(title, counts);
  }
}

/** Runs the suites to their end whatever fails, and ends with one line of counts; runs that prove nothing fail too. */
export async function runTests(cli: Cli, suites: readonly SuiteName[]): Promise<void> {
  await ensureSpace();
  await ensurePackages([...new Set(suites.flatMap((suite) => NEEDS[suite]))], cli.progress);
  const go = await ensureGo(cli.progress);
  const run = new TestRun(cli, {
    ...strictness(),
    NO_COLOR: '1',
    ...(await programsFor(suites, cli.progress)),
    PATH: `${path.dirname(go)}:${process.env['PATH'] ?? ''}`,
    // Tests boot nodes of their own beside one that runs already.
    KIOS_STATE_DIR: path.join(stateDir, 'test'),
  });
  for (const suite of suites) {
    if (suite === 'unit') for (const gate of GATES) await run.gate(gate);
    for (const name of SCRIPTS[suite])
      for (const script of await findScripts(name)) await run.script(script);
  }
  const { passed, failed } = run.counts;
  if (failed > 0 || passed === 0) {
    for (const title of run.failures) cli.progress.info(`failed: ${title}`);
    process.exitCode = EXIT.data;
  }
  cli.print(formatCounts(run.counts));
}
