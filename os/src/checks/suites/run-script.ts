import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';
import * as v from 'valibot';

import { repository } from '../../workstation/paths.ts';
import { countGo, countVitest, type Counts, NONE, ONE_FAILED } from './results.ts';
import type { TestScript } from './workspaces.ts';

export interface ScriptOutcome {
  readonly counts: Counts;
  readonly skipped: readonly string[];
  /** Output of the runner for people. */
  readonly output: string;
}

interface Run {
  readonly ok: boolean;
  readonly lines: readonly string[];
}

export interface RunScriptOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly note: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs a shell command as npm runs a script: programs of node_modules come first in PATH. */
export async function runCommand(
  command: string,
  cwd: string,
  { env, note, signal }: RunScriptOptions,
): Promise<Run> {
  const bin = path.join(repository, 'node_modules', '.bin');
  const child = execa('sh', ['-c', command], {
    cwd,
    env: { ...env, PATH: `${bin}:${env['PATH'] ?? process.env['PATH'] ?? ''}` },
    reject: false,
    all: true,
    stdin: 'ignore',
    cancelSignal: signal,
  });
  const lines: string[] = [];
  for await (const line of child.iterable({ from: 'all' })) {
    lines.push(line);
    if (line.trim() !== '') note(line);
  }
  return { ok: !(await child).failed, lines };
}

/** Counts a failure when the runner fails although no test did. */
const settle = (counts: Counts, ok: boolean): Counts =>
  ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };

async function runVitest(script: TestScript, options: RunScriptOptions): Promise<ScriptOutcome> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-test-'));
  const report = path.join(dir, 'report.json');
  try {
    const reporters = `--reporter=default --reporter=json --outputFile.json='${report}'`;
    const run = await runCommand(`${script.command} ${reporters}`, script.cwd, options);
    const text = await readFile(report, 'utf8').catch(() => undefined);
    const { counts, skipped } =
      text === undefined ? { counts: ONE_FAILED, skipped: [] } : countVitest(text);
    return { counts: settle(counts, run.ok), skipped, output: run.lines.join('\n') };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const GoOutput = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ Output: v.optional(v.string(), '') }),
);

const outputOfGo = (line: string): string => {
  const event = v.safeParse(GoOutput, line);
  return event.success ? event.output.Output : `${line}\n`;
};

async function runGo(script: TestScript, options: RunScriptOptions): Promise<ScriptOutcome> {
  const command = script.command.replace(/\bgo test\b/, 'go test -json');
  const note = (line: string): void => {
    const text = outputOfGo(line).trim();
    if (text !== '') options.note(text);
  };
  const run = await runCommand(command, script.cwd, { ...options, note });
  const output = run.lines.map(outputOfGo).join('');
  const { counts, skipped } = countGo(run.lines);
  return { counts: settle(counts, run.ok), skipped, output };
}

/** Runs a test script and counts its tests. A script of another runner counts as one test. */
export async function runScript(
  script: TestScript,
  options: RunScriptOptions,
): Promise<ScriptOutcome> {
  if (/\bvitest\b/.test(script.command)) return runVitest(script, options);
  if (/\bgo test\b/.test(script.command)) return runGo(script, options);
  const run = await runCommand(script.command, script.cwd, options);
  const counts = run.ok ? { ...NONE, passed: 1 } : ONE_FAILED;
  return { counts, skipped: [], output: run.lines.join('\n') };
}
