import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';

import { checkDocumentParts, partFlags } from '../build/settings/document-parts.ts';
import { bundleAgent } from '../workstation/agent-bundle.ts';
import type { CommandContext } from '../workstation/command-context.ts';

/** Returns flags that point the agent to empty folders: the workstation's files say nothing about a node. */
const elsewhere = (folder: string): readonly string[] =>
  Object.entries({
    etc: 'etc',
    run: 'run',
    'seed-dir': 'run/seed',
    'state-dir': 'state',
    'kubelet-pki': 'pki',
    sysfs: 'sys',
    'proc-net': 'proc-net',
    cmdline: 'cmdline',
  }).map(([flag, at]) => `--${flag}=${path.join(folder, at)}`);

type Output = Pick<CommandContext, 'progress' | 'print'>;

export type AgentCall =
  | { readonly verb: 'render'; readonly args: readonly string[] }
  | { readonly verb: 'check-userdata'; readonly args: readonly [file: string] };

/** Returns the agent's own flags: where nothing of the workstation is, and where it writes what others judge. */
function flagsOf({ verb }: AgentCall, folder: string): readonly string[] {
  return verb === 'render' ? elsewhere(folder) : partFlags(folder);
}

function printLines(print: Output['print'], text: string): void {
  for (const line of text.split('\n')) print(line);
}

/** Returns the agent's report when others refuse a part of what it took. It has the form of the agent's own. */
const reportOf = ({ code, message, remedy }: KiosError): string =>
  JSON.stringify({ verdict: 'refused', fault: { code, message, remedy } }, undefined, 2);

/** Prints what the agent read from user data, or that kubelet or another agent refuses a part of it. */
async function printChecked(
  { progress, print }: Output,
  report: string,
  { file, folder }: { readonly file: string; readonly folder: string },
): Promise<void> {
  try {
    const warnings = await checkDocumentParts(progress, file, folder);
    printLines(print, report);
    for (const warning of warnings) progress.info(`warning: ${warning}`);
  } catch (error) {
    // Any other failure leaves no verdict.
    if (!(error instanceof KiosError) || error.exitCode !== EXIT.data) throw error;
    printLines(print, reportOf(error));
    const { code, message, remedy } = error;
    throw new KiosError(code, message, {
      exitCode: EXIT.config,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

/** The codes with which the agent ends that say more than that a text is wrong. */
const OWN_CODES = [EXIT.config, EXIT.no, EXIT.noInput] as const;

function refusalOf(verb: AgentCall['verb'], ended: number | undefined): KiosError {
  const exitCode = OWN_CODES.find((code) => code === ended) ?? EXIT.data;
  if (exitCode === EXIT.no)
    return new KiosError(
      'KIOS_BOOTSTRAP_CHECK',
      'use this user data: a node would find no document in it',
      { exitCode, remedy: 'Do what the remedy above says.' },
    );
  if (exitCode === EXIT.noInput)
    return new KiosError('KIOS_BOOTSTRAP_CHECK', 'read the file', {
      exitCode,
      remedy: 'Name a file that can be read.',
    });
  const refusal =
    verb === 'render'
      ? 'render the documents: a node would refuse them'
      : 'use this user data: a node would refuse it';
  return new KiosError('KIOS_BOOTSTRAP_CHECK', refusal, {
    exitCode,
    remedy: 'Correct the faults named above.',
  });
}

/**
 * Runs the agent's own code on the workstation, with its output as the command's. Fails when the agent does, or when
 * kubelet or another agent would refuse a part of the user data.
 */
export async function runBootstrap(output: Output, call: AgentCall): Promise<void> {
  const { verb, args } = call;
  const bundle = await bundleAgent('bootstrap', output.progress);
  const folder = await mkdtemp(path.join(tmpdir(), 'kios-bootstrap-'));
  try {
    const { exitCode, stdout } = await execa(
      process.execPath,
      [bundle, verb, ...flagsOf(call, folder), ...args],
      {
        // What a check prints waits for the judgement of others.
        stdio: ['ignore', verb === 'render' ? 'inherit' : 'pipe', 'inherit'],
        reject: false,
        // Nothing listens there: lines for a node's console are dropped.
        env: { KIOS_CONSOLE: path.join(folder, 'console.sock') },
      },
    );
    const report = stdout ?? '';
    if (exitCode === 0 && call.verb === 'check-userdata')
      return await printChecked(output, report, { file: call.args[0], folder });
    if (report !== '') printLines(output.print, report);
    if (exitCode !== 0) throw refusalOf(verb, exitCode);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
