import path from 'node:path';

import type { OutputFile } from '../core/files/output-file.ts';
import { BOOTSTRAP_KUBECONFIG, KUBECONFIG, NODE_IP } from '../core/files/render.ts';
import { decideRestart, type RestartDecision } from '../core/files/restart.ts';
import { hashOutput, type JoinState, ofBoot } from '../core/files/state.ts';
import type { Settings } from '../core/settings/settings.ts';
import { readBackup, saveBackup } from '../edge/files/backup.ts';
import { changedFiles, placeFiles, removeStaged } from '../edge/files/transaction.ts';
import { bootSeconds, readKubelet } from '../edge/node/host.ts';
import {
  forgetFormerIdentity,
  setIdentityAside,
  syncIdentity,
} from '../edge/node/identity-files.ts';
import { writeJoinState } from '../edge/node/node.ts';
import { installPlugins, pluginsOf } from '../edge/node/plugins.ts';
import { restartKubelet } from '../edge/node/restart-kubelet.ts';
import type { JoinContext } from './context.ts';
import type { JoinFacts } from './join-facts.ts';
import type { JoinInput } from './join-input.ts';

/** The difference between the files the node is to have and those it has. */
interface Change {
  readonly files: readonly OutputFile[];
  readonly changed: readonly OutputFile[];
  /** Nothing but the node's address is new to kubelet. */
  readonly isReaddressed: boolean;
  /** The document is on trial until the node is Ready. */
  readonly startsTrial: boolean;
  readonly restart: RestartDecision;
}

/** kubelet is restarted neither for the document's own files nor when a token it has used up is removed. */
const isForKubelet = (file: OutputFile): boolean => file.isUserFile !== true && !removesToken(file);

const removesToken = ({ path: file, content }: OutputFile): boolean =>
  file === BOOTSTRAP_KUBECONFIG && content === undefined;

async function compare(
  settings: Settings,
  input: JoinInput,
  { dropIdentity }: JoinFacts,
  files: readonly OutputFile[],
): Promise<Change> {
  const changed = await changedFiles(settings.etc, files);
  const forKubelet = changed.filter(isForKubelet);
  const restart = decideRestart({
    changed: dropIdentity || forKubelet.length > 0,
    state: input.state,
    kubelet: await readKubelet(settings),
    bootId: input.bootId,
  });
  const [first, ...others] = forKubelet;
  const isReaddressed = first?.path === NODE_IP && others.length === 0;
  const startsTrial = isTrial(input, dropIdentity);
  return { files, changed, restart, startsTrial, isReaddressed };
}

async function newState(
  input: JoinInput,
  { files, isReaddressed, startsTrial }: Change,
  phase: JoinState['phase'],
  { dropIdentity, server }: Pick<JoinFacts, 'dropIdentity' | 'server'>,
): Promise<JoinState> {
  const { state, bootId, cluster, node } = input;
  const hashed = files.filter(({ path }) => path !== BOOTSTRAP_KUBECONFIG);
  const up = await bootSeconds();
  const before = ofBoot(state, bootId);
  const userFiles = files.filter(({ isUserFile, content }) => isUserFile && content !== undefined);
  // A document without a cluster leaves the identity alone, so the id that it belongs to stays too.
  const staysMember = cluster === undefined && node.kubeletConf !== undefined;
  const { instanceId, isIdUnread } = (staysMember ? state : undefined) ?? input;
  return {
    v: 1,
    instanceId,
    isIdUnread,
    inputHash: input.inputHash,
    server,
    outputHash: await hashOutput(hashed),
    phase,
    bootId,
    up,
    when: new Date().toISOString(),
    restarts: before.restarts,
    onTrialSince: startsTrial ? undefined : before.onTrialSince,
    readdressed: isReaddressed ? up : before.readdressed,
    dropIdentity,
    userFiles: userFiles.map(({ path }) => path),
    origin: input.origin,
  };
}

const isKubeconfig = ({ path }: OutputFile): boolean =>
  path === BOOTSTRAP_KUBECONFIG || path === KUBECONFIG;

/** Returns whether the document is on trial until the node is Ready; a new address or a repaired file is not. */
const isTrial = ({ state, inputHash }: JoinInput, dropIdentity: boolean): boolean =>
  dropIdentity || state?.inputHash !== inputHash || state.phase === 'rolled-back';

/**
 * Saves what the trial replaces; within one trial, the identity from before it stays the one to return to. Without a
 * cluster to join only kubelet's files are on trial: a fault in them takes away no static pod.
 */
async function saveForTrial(
  settings: Settings,
  { cluster }: JoinInput,
  place: readonly OutputFile[],
  dropIdentity: boolean,
): Promise<void> {
  if (dropIdentity && (await readBackup(settings))?.droppedIdentity !== true)
    await forgetFormerIdentity(settings);
  const onTrial = cluster === undefined ? place.filter(isForKubelet) : place;
  await saveBackup(settings, onTrial, dropIdentity);
}

/**
 * Puts the files in place. The state is `writing` from before the first until after the last, so that a cut is noticed.
 */
async function writeFiles(
  { settings, log, onPlaced }: JoinContext,
  input: JoinInput,
  facts: JoinFacts,
  change: Change,
): Promise<JoinState> {
  const { dropIdentity, server } = facts;
  const { files, changed, restart, startsTrial } = change;
  if (dropIdentity) log.warn({ ev: 'identity.dropped', name: input.node.identity });
  // The old certificate is set aside when the bootstrap kubeconfig is due, even if that file is up to date.
  const place = dropIdentity
    ? files.filter((file) => changed.includes(file) || isKubeconfig(file))
    : changed;
  if (restart.send && startsTrial) await saveForTrial(settings, input, place, dropIdentity);
  await writeJoinState(settings, await newState(input, change, 'writing', facts));
  await removeStaged(settings.etc, files);
  if (place.some(removesToken)) await syncIdentity(settings);
  await placeFiles(settings.etc, place, async (file) => {
    if (file === BOOTSTRAP_KUBECONFIG && dropIdentity) await setIdentityAside(settings);
    await onPlaced?.(file);
  });
  const state = await newState(input, change, restart.send ? 'written' : 'restarted', {
    dropIdentity: false,
    server,
  });
  await writeJoinState(settings, state);
  return state;
}

const isSettled = ({ state, inputHash, origin }: JoinInput): boolean =>
  state?.phase !== 'writing' && state?.inputHash === inputHash && state.origin === origin;

/** Installs the programs and files, restarts kubelet when it must read them, and returns whether it did. */
export async function commit(
  context: JoinContext,
  input: JoinInput,
  facts: JoinFacts,
  files: readonly OutputFile[],
): Promise<boolean> {
  const { settings, log, signal } = context;
  const plugins = pluginsOf(input.document, input.cluster?.auth);
  for (const name of await installPlugins(plugins, settings, !facts.isRecalled))
    log.info({ ev: 'plugin.installed', name });
  const change = await compare(settings, input, facts, files);
  const { changed, restart } = change;
  let { state } = input;
  if (state === undefined || !isSettled(input) || changed.length > 0)
    state = await writeFiles(context, input, facts, change);
  for (const { path: file, content } of changed)
    log.info({ ev: 'file.written', path: path.join('/etc', file), removed: content === undefined });
  if (restart.send) await restartKubelet(settings, log, signal, state, restart.why);
  else log.debug({ ev: 'restart.skipped', why: restart.why });
  return restart.send;
}
