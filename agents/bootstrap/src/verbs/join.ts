import path from 'node:path';

import { type Logger, removeStaleTemps, sleep, writeAtomic } from '@kios/agent';
import { formatState, PlatformState } from '@kios/node-state';

import type { ClusterConfig } from '../core/cluster/cluster-config.ts';
import { BootstrapError } from '../core/faults/errors.ts';
import { isBackingOff } from '../core/files/restart.ts';
import { hashDocument } from '../core/files/state.ts';
import type { Settings } from '../core/settings/settings.ts';
import { FaultLog } from '../edge/faults/fault-log.ts';
import { forgetAttested } from '../edge/node/attested.ts';
import { bootSeconds, readKubelet, readPrimaryLease } from '../edge/node/host.ts';
import { type NodeFacts, readNode } from '../edge/node/node.ts';
import { reportToAzure } from '../edge/sources/report-ready.ts';
import type { Sources } from '../edge/sources/sources.ts';
import { commit } from './commit.ts';
import { isFirst, type JoinContext } from './context.ts';
import { discoverFacts, filesOf, type JoinFacts, recallFacts } from './join-facts.ts';
import { type JoinInput, keepSeed, readInput, withServer } from './join-input.ts';
import { writeNetwork } from './network.ts';
import { returnIdentity } from './rollback.ts';

/** `standalone`: no document names a cluster. `pending`: kubelet waits for its certificate. `joined`: it has one. */
export type Outcome = 'standalone' | 'pending' | 'joined';

/** The result of a run. */
export interface Joined {
  readonly outcome: Outcome;
  readonly node: NodeFacts;
  /** Undefined when there is no document, or it was not tried. */
  readonly input?: JoinInput;
  readonly facts?: JoinFacts;
  /** The document was rolled back recently and is not tried yet. */
  readonly isBackingOff: boolean;
}

/** Removes the temporary files of a killed run. */
async function removeLeftovers({ stateDir, run }: Settings): Promise<void> {
  await removeStaleTemps(stateDir);
  await removeStaleTemps(path.join(run, 'platform'));
}

async function writePlatform(settings: Settings, { platform, facts }: Sources): Promise<void> {
  const state = formatState(PlatformState, { v: 1, platform, ...facts });
  await writeAtomic(path.join(settings.run, 'platform/platform.json'), state);
}

async function mustWait({ state, document, bootId }: JoinInput): Promise<boolean> {
  if (state?.phase !== 'rolled-back') return false;
  const now = { document: await hashDocument(document), bootId, up: await bootSeconds() };
  return isBackingOff(state, now);
}

/** Returns the outcome without a document: a node that has joined stays joined when its seed is gone. */
const withoutDocument = ({ identity, kubeletConf }: NodeFacts): Outcome =>
  identity === undefined && kubeletConf === undefined ? 'standalone' : 'joined';

/** Returns whether there is no certificate to wait for: such a node has joined when kubelet runs in cluster mode. */
const isUser = ({ auth }: ClusterConfig): boolean =>
  auth.kind === 'held' || (auth.kind === 'user' && !auth.isBootstrap);

async function outcomeOf(
  settings: Settings,
  { cluster, node }: JoinInput,
  facts: JoinFacts,
  isRestarted: boolean,
): Promise<Outcome> {
  if (cluster === undefined) return withoutDocument(node);
  if (facts.dropIdentity) return 'pending';
  if (node.identity !== undefined) return 'joined';
  if (isRestarted || !isUser(cluster)) return 'pending';
  return (await readKubelet(settings))?.mode === 'cluster' ? 'joined' : 'pending';
}

/** Reports to the provider that the node is configured: after joining, not at each boot. */
async function reportToProvider(
  { settings, log, signal }: JoinContext,
  { platform }: Sources,
): Promise<void> {
  const lease = platform === 'azure' ? await readPrimaryLease(settings) : undefined;
  if (lease !== undefined) await reportToAzure(lease, log, signal);
}

/** Tells diagnosis which API server to look at. */
function showEndpoint({ board }: JoinContext, cluster: ClusterConfig | undefined): void {
  if (board !== undefined) board.endpoint = cluster?.endpoint;
}

/** Configures the node as the document says, with what an earlier run or the cluster itself told of it. */
async function configure(
  context: JoinContext,
  sources: Sources,
  input: JoinInput,
): Promise<Pick<Joined, 'outcome' | 'input' | 'facts'>> {
  const { settings } = context;
  const { node } = input;
  await writeNetwork(context, input.document);
  const facts = (await recallFacts(settings, input)) ?? (await discoverFacts(context, input));
  const settled = { ...input, cluster: withServer(input.cluster, facts.server) };
  showEndpoint(context, settled.cluster);
  await keepSeed(settings, settled);
  const isRestarted = await commit(context, settled, facts, filesOf(settled, facts));
  const isMember = node.identity !== undefined && !facts.dropIdentity;
  if (isMember && node.attested !== undefined) await forgetAttested(settings);
  if (!facts.isRecalled) await reportToProvider(context, sources);
  return { outcome: await outcomeOf(settings, settled, facts, isRestarted), input: settled, facts };
}

/**
 * Runs once: reads the document and configures the node as it says. Rejects with a BootstrapError when that fails for
 * now.
 */
export async function joinNode(context: JoinContext): Promise<Joined> {
  const { settings } = context;
  // Only once: diagnosis writes beside this.
  if (isFirst(context, 'leftovers')) await removeLeftovers(settings);
  const node = await readNode(settings);
  const { sources, input } = await readInput(context, node);
  await writePlatform(settings, sources);
  showEndpoint(context, input?.cluster);
  if (input === undefined || (await mustWait(input)))
    return { outcome: withoutDocument(node), node, isBackingOff: input !== undefined };
  if (await returnIdentity(context, input)) return joinNode(context);
  return { ...(await configure(context, sources, input)), node, isBackingOff: false };
}

/** Returns what the node is while its document cannot be used: a member stays one. */
export async function withoutInput({ settings }: JoinContext): Promise<Joined> {
  const node = await readNode(settings);
  return { outcome: withoutDocument(node), node, isBackingOff: false };
}

/** Logs an outcome that differs from the one before. */
export function reportOutcome(
  log: Logger,
  { outcome, isBackingOff }: Joined,
  before: Outcome | undefined,
): void {
  if (outcome === before) return;
  const why = isBackingOff ? 'its document was rolled back' : 'no document names a cluster';
  if (outcome === 'standalone') log.warn({ ev: 'standalone', why });
  // A node that had joined when this agent started is not worth a line on the console.
  if (outcome === 'joined') log.info({ ev: 'joined', console: before !== undefined });
  if (outcome === 'pending') log.info({ ev: 'certificate.wait' });
}

/** Joins once. A fault in the document ends it; after any other it tries again until `--timeout`. */
export async function join(start: JoinContext): Promise<void> {
  const context = { ...start, reported: new Set<string>() };
  const { settings, log, signal } = context;
  const faults = new FaultLog(log);
  const deadline = performance.now() + (settings.timeoutSeconds || Number.POSITIVE_INFINITY) * 1000;
  for (;;) {
    try {
      return reportOutcome(log, await joinNode(context), undefined);
    } catch (error) {
      if (!(error instanceof BootstrapError)) throw error;
      if (error.fault.event.startsWith('bad.') || performance.now() >= deadline) throw error;
      const left = deadline - performance.now();
      await sleep(Math.min(faults.report(error), left), signal);
    }
  }
}
