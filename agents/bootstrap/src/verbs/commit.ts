import type { OutputFile } from '../core/files/output-file.ts';
import { BOOTSTRAP_KUBECONFIG, KUBECONFIG } from '../core/files/render.ts';
import type { RestartDecision } from '../core/files/restart.ts';
import type { JoinState } from '../core/files/state.ts';
import { hashOutput, ofBoot } from '../core/files/state.ts';
import { saveBackup } from '../edge/files/backup.ts';
import { placeFiles, removeStaged } from '../edge/files/transaction.ts';
import { bootSeconds } from '../edge/node/host.ts';
import { setIdentityAside, writeJoinState } from '../edge/node/node.ts';
import type { JoinContext } from './context.ts';
import type { JoinFacts, Run } from './join-input.ts';

export interface Change {
  readonly files: readonly OutputFile[];
  readonly changed: readonly OutputFile[];
  /** Nothing but the node's address is new to kubelet. */
  readonly isReaddressed: boolean;
  readonly restart: RestartDecision;
}

async function newState(
  run: Run,
  { files, isReaddressed }: Change,
  phase: JoinState['phase'],
  dropIdentity: boolean,
): Promise<JoinState> {
  const { state, bootId } = run;
  const judged = files.filter(({ path }) => path !== BOOTSTRAP_KUBECONFIG);
  const up = await bootSeconds();
  const before = ofBoot(state, bootId);
  const asked = files.filter(({ isUserFile, content }) => isUserFile && content !== undefined);
  return {
    v: 1,
    instanceId: run.instanceId,
    inputHash: run.inputHash,
    outputHash: await hashOutput(judged),
    phase,
    bootId,
    up,
    when: new Date().toISOString(),
    restarts: before.restarts,
    readdressed: isReaddressed ? up : before.readdressed,
    dropIdentity,
    userFiles: asked.map(({ path }) => path),
  };
}

const isKubeconfig = ({ path }: OutputFile): boolean =>
  path === BOOTSTRAP_KUBECONFIG || path === KUBECONFIG;

/** Another document has to prove itself; a new address or a repaired file is no reason to go back. */
const isTrial = ({ state, inputHash }: Run): boolean =>
  state?.inputHash !== inputHash || state.phase === 'rolled-back';

/** Puts the files in place. The state says `writing` from before the first until after the last, so a cut is noticed. */
export async function commit(
  context: JoinContext,
  run: Run,
  { dropIdentity }: JoinFacts,
  change: Change,
): Promise<JoinState> {
  const { files, changed, restart } = change;
  const { settings, log } = context;
  if (dropIdentity) log.warn({ ev: 'identity.dropped', name: run.node.identity });
  // The bootstrap kubeconfig is the place in the order at which the old identity goes, even when it is there already.
  const place = dropIdentity
    ? files.filter((file) => changed.includes(file) || isKubeconfig(file))
    : changed;
  if (restart.send && isTrial(run)) await saveBackup(settings, place, dropIdentity);
  await writeJoinState(settings, await newState(run, change, 'writing', dropIdentity));
  await removeStaged(settings.etc, files);
  await placeFiles(settings.etc, place, async (file) => {
    if (file === BOOTSTRAP_KUBECONFIG && dropIdentity) await setIdentityAside(settings);
    await context.onPlaced?.(file);
  });
  const state = await newState(run, change, restart.send ? 'written' : 'restarted', false);
  await writeJoinState(settings, state);
  return state;
}
