import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';

import { checkDocumentParts, partFlags } from '../build/settings/document-parts.ts';
import { bundleAgent } from '../workstation/agent-bundle.ts';
import type { Progress } from '../workstation/progress.ts';

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

export type AgentCall =
  | { readonly verb: 'render'; readonly args: readonly string[] }
  | { readonly verb: 'check-userdata'; readonly args: readonly [file: string] };

/** Returns the agent's own flags: where nothing of the workstation is, and where it writes what others judge. */
function flagsOf({ verb }: AgentCall, folder: string): readonly string[] {
  return verb === 'render' ? elsewhere(folder) : partFlags(folder);
}

async function checkParts(progress: Progress, file: string, folder: string): Promise<void> {
  for (const warning of await checkDocumentParts(progress, file, folder))
    progress.info(`warning: ${warning}`);
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
export async function runBootstrap(progress: Progress, call: AgentCall): Promise<void> {
  const { verb, args } = call;
  const bundle = await bundleAgent('bootstrap', progress);
  const folder = await mkdtemp(path.join(tmpdir(), 'kios-bootstrap-'));
  try {
    const { exitCode } = await execa(
      process.execPath,
      [bundle, verb, ...flagsOf(call, folder), ...args],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        reject: false,
        // Nothing listens there: lines for a node's console are dropped.
        env: { KIOS_CONSOLE: path.join(folder, 'console.sock') },
      },
    );
    if (exitCode === 0) {
      if (call.verb === 'check-userdata') await checkParts(progress, call.args[0], folder);
      return;
    }
    throw refusalOf(verb, exitCode);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
