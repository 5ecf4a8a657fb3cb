import type { NodeBootstrap } from '../core/document/schema.ts';
import { hashDocument, type JoinState, ofBoot } from '../core/files/state.ts';
import { asOutput, type Backup, discardBackup, readBackup } from '../edge/files/backup.ts';
import { placeFiles } from '../edge/files/transaction.ts';
import { bootSeconds, readBootId } from '../edge/node/host.ts';
import { bringIdentityBack } from '../edge/node/identity-files.ts';
import { writeJoinState } from '../edge/node/node.ts';
import { restartKubelet } from '../edge/node/restart-kubelet.ts';
import type { JoinContext } from './context.ts';
import type { JoinInput } from './join-input.ts';

/** Why files are taken back, with a code of docs/errors.md. */
export interface Reason {
  readonly code: 'KIOS_BOOTSTRAP_NOT_READY' | 'KIOS_BOOTSTRAP_KUBELET';
  readonly why: string;
}

export const notReady = (why: string): Reason => ({ code: 'KIOS_BOOTSTRAP_NOT_READY', why });

const REMEDIES: Readonly<Record<Reason['code'], string>> = {
  KIOS_BOOTSTRAP_NOT_READY:
    "Read kubelet's log and `kubectl get csr,node`, and correct the document.",
  KIOS_BOOTSTRAP_KUBELET:
    "Correct kubelet.config or sysctls of the document; kubelet's log names the field.",
};

/**
 * Restores the configuration before the one on trial, in the opposite order, and restarts kubelet once. After a cut in
 * between, the next run finds files that differ from the document and completes the document instead, so that no
 * mixture stays.
 */
export async function rollBack(
  context: JoinContext,
  state: JoinState,
  document: NodeBootstrap,
  backup: Backup,
  { code, why }: Reason,
): Promise<void> {
  const { settings, log } = context;
  log.error({
    ev: 'rollback',
    code,
    why,
    remedy: REMEDIES[code],
    files: backup.files.map(({ path }) => path),
  });
  await placeFiles(settings.etc, backup.files.map(asOutput).toReversed());
  if (backup.droppedIdentity) await bringIdentityBack(settings);
  const bootId = await readBootId(settings);
  const rolledBack: JoinState = {
    ...state,
    // The state may be of an earlier boot, and the document rests in this one.
    bootId,
    ...ofBoot(state, bootId),
    phase: 'rolled-back',
    tried: await hashDocument(document),
    up: await bootSeconds(),
    isRefused: code === 'KIOS_BOOTSTRAP_KUBELET',
  };
  await writeJoinState(settings, rolledBack);
  await finishRollBack(context, rolledBack);
}

/**
 * Gives a node its identity back that a document on trial had set aside, when the document now names no cluster to go
 * to. Returns whether it did.
 */
export async function returnIdentity(
  context: JoinContext,
  { cluster, document, state }: Pick<JoinInput, 'cluster' | 'document' | 'state'>,
): Promise<boolean> {
  const backup = cluster === undefined ? await readBackup(context.settings) : undefined;
  if (backup?.droppedIdentity !== true || state === undefined) return false;
  const why = notReady('the document names no cluster any more');
  await rollBack(context, state, document, backup, why);
  return true;
}

/** Does the last step, also for a rollback that was cut off before kubelet's restart. */
export async function finishRollBack(context: JoinContext, state: JoinState): Promise<void> {
  const { settings, log, signal } = context;
  await restartKubelet(settings, log, signal, state, 'the files before are back');
  await discardBackup(settings);
}
