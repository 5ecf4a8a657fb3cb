import path from 'node:path';

import { removeStaleTemps, writeAtomic } from '@kios/agent';
import { formatState, PlatformState } from '@kios/node-state';

import type { ClusterConfig } from '../core/cluster/cluster-config.ts';
import type { OutputFile } from '../core/files/output-file.ts';
import { BOOTSTRAP_KUBECONFIG, NODE_IP } from '../core/files/render.ts';
import { decideRestart, isBackingOff } from '../core/files/restart.ts';
import { hashDocument } from '../core/files/state.ts';
import type { Settings } from '../core/settings/settings.ts';
import { changedFiles } from '../edge/files/transaction.ts';
import { bootSeconds, readKubelet, readPrimaryLease } from '../edge/node/host.ts';
import { heldAuth, type NodeFacts, readNode } from '../edge/node/node.ts';
import { installPlugins, pluginsOf } from '../edge/node/plugins.ts';
import { restartKubelet } from '../edge/node/restart-kubelet.ts';
import { waitForUplink } from '../edge/node/uplink.ts';
import { fetchAll } from '../edge/sources/fetch-documents.ts';
import { writeCache, readCache } from '../edge/sources/metadata-cache.ts';
import { type Platform, readPlatform } from '../edge/sources/platform.ts';
import { reportToAzure } from '../edge/sources/report-ready.ts';
import { type Fetch, readSources, type Sources } from '../edge/sources/sources.ts';
import { type Change, commit } from './commit.ts';
import type { JoinContext } from './context.ts';
import {
  type JoinFacts,
  filesFor,
  discoverFacts,
  prepare,
  recall,
  reportDocument,
  type Run,
} from './join-input.ts';

/** `standalone`: nobody asked for a cluster; `pending`: kubelet is about to get its certificate; `joined`: it has one. */
export type Outcome = 'standalone' | 'pending' | 'joined';

/** The token's file is of no more use; kubelet need not be told. Nor does it read the files of the document itself. */
const isForKubelet = ({ path: file, content, isUserFile }: OutputFile): boolean =>
  isUserFile !== true && !(file === BOOTSTRAP_KUBECONFIG && content === undefined);

async function plan({ settings }: JoinContext, run: Run, facts: JoinFacts): Promise<Change> {
  const files = filesFor(run, facts);
  const changed = await changedFiles(settings.etc, files);
  const forKubelet = changed.filter(isForKubelet);
  const restart = decideRestart({
    changed: facts.dropIdentity || forKubelet.length > 0,
    state: run.state,
    kubelet: await readKubelet(settings),
    bootId: run.bootId,
  });
  const [first, ...others] = forKubelet;
  const isReaddressed = first?.path === NODE_IP && others.length === 0;
  return { files, changed, restart, isReaddressed };
}

const isSettled = ({ state, inputHash }: Run): boolean =>
  state?.phase !== 'writing' && state?.inputHash === inputHash;

/** Makes the node what the document says; answers whether kubelet was told. */
async function apply(
  context: JoinContext,
  run: Run,
  facts: JoinFacts,
  isKnown: boolean,
): Promise<boolean> {
  const { settings, log, signal } = context;
  const plugins = pluginsOf(run.document, run.cluster?.auth);
  for (const name of await installPlugins(plugins, settings, !isKnown))
    log.info({ ev: 'plugin.installed', name });
  const change = await plan(context, run, facts);
  let { state } = run;
  if (state === undefined || !isSettled(run) || change.changed.length > 0)
    state = await commit(context, run, facts, change);
  for (const { path: file, content } of change.changed)
    log.info({ ev: 'file.written', path: path.join('/etc', file), removed: content === undefined });
  const { send, why } = change.restart;
  if (send) await restartKubelet(settings, log, signal, state, why);
  else log.debug({ ev: 'restart.skipped', why });
  return send;
}

async function writePlatform(settings: Settings, { platform, facts }: Sources): Promise<void> {
  const state = formatState(PlatformState, { v: 1, platform, ...facts });
  await writeAtomic(path.join(settings.run, 'platform/platform.json'), state);
}

/** A node that was set up once stays what it is when its seed is gone. */
const withoutDocument = ({ identity, kubeletConf }: NodeFacts): Outcome =>
  identity === undefined && kubeletConf === undefined ? 'standalone' : 'joined';

async function rests({ state, document, bootId }: Run): Promise<boolean> {
  if (state?.phase !== 'rolled-back') return false;
  const now = { document: await hashDocument(document), bootId, up: await bootSeconds() };
  return isBackingOff(state, now);
}

/** The first time in this process. */
function isNews({ reported }: JoinContext, what: string): boolean {
  if (reported?.has(what) === true) return false;
  reported?.add(what);
  return true;
}

/** Asks the network; what it says is kept for the next boot. */
const fetchFresh =
  (context: JoinContext, platform: Platform): Fetch =>
  async (needs) => {
    const { settings, log, signal, timeline } = context;
    const uplink = await waitForUplink(settings, log, signal);
    // User data may be late once, after the machine was made.
    const isPatient = isNews(context, 'metadata');
    const remote = await fetchAll({ platform, needs, uplink, isPatient }, log, signal);
    await writeCache(settings, platform, remote);
    timeline?.set('metadata', await bootSeconds());
    return remote;
  };

interface Look {
  readonly sources: Sources;
  readonly run: Run | undefined;
  readonly facts: JoinFacts | undefined;
}

async function look(
  context: JoinContext,
  platform: Platform,
  node: NodeFacts,
  fetch: Fetch,
): Promise<Look> {
  const { settings, log } = context;
  const sources = await readSources(settings, platform, fetch, log);
  const { document } = sources;
  if (document === undefined) return { sources, run: undefined, facts: undefined };
  const run = await prepare(context, sources, document, node);
  return { sources, run, facts: await recall(context, run) };
}

/** What is known without asking anybody, when that is enough; else the network is asked. */
async function lookAround(context: JoinContext, node: NodeFacts): Promise<Look> {
  const { settings, log } = context;
  const start = performance.now();
  const platform = await readPlatform(settings);
  log.debug({ ev: 'platform', provider: platform.provider, ms: performance.now() - start });
  const fresh = fetchFresh(context, platform);
  const kept = settings.reEvaluate ? undefined : await readCache(settings, platform);
  if (kept === undefined || heldAuth(node) === undefined)
    return look(context, platform, node, fresh);
  const remembered = await look(context, platform, node, async () => Promise.resolve(kept));
  const isEnough = remembered.facts !== undefined || !remembered.sources.needsNetwork;
  return isEnough ? remembered : look(context, platform, node, fresh);
}

/** A user of a kubeconfig has no certificate to wait for: it is in when kubelet runs as it. */
const isUser = ({ auth }: ClusterConfig): boolean =>
  auth.kind === 'held' || (auth.kind === 'user' && !auth.isBootstrap);

async function outcomeOf(
  { settings }: JoinContext,
  { cluster, node }: Run,
  facts: JoinFacts,
  told: boolean,
): Promise<Outcome> {
  if (cluster === undefined) return 'standalone';
  if (facts.dropIdentity) return 'pending';
  if (node.identity !== undefined) return 'joined';
  if (told || !isUser(cluster)) return 'pending';
  return (await readKubelet(settings))?.mode === 'cluster' ? 'joined' : 'pending';
}

/** After the node was set up, not at each boot. */
async function reportToProvider(
  { settings, log, signal }: JoinContext,
  { platform }: Sources,
): Promise<void> {
  const lease = platform === 'azure' ? await readPrimaryLease(settings) : undefined;
  if (lease !== undefined) await reportToAzure(lease, log, signal);
}

/** What a run found and left. */
export interface Joined {
  readonly outcome: Outcome;
  /** Undefined when there is no document. */
  readonly run?: Run;
  readonly facts?: JoinFacts;
  readonly node: NodeFacts;
  /** The document was rolled back a short while ago. */
  readonly rests: boolean;
}

/** One run: reads what is asked for, and makes the node so. Throws a BootstrapError when that is not possible now. */
export async function joinNode(context: JoinContext): Promise<Joined> {
  const { settings } = context;
  // What a killed run left of its files.
  await removeStaleTemps(settings.stateDir);
  await removeStaleTemps(path.join(settings.run, 'platform'));
  const node = await readNode(settings);
  const { sources, run, facts: known } = await lookAround(context, node);
  await writePlatform(settings, sources);
  if (run === undefined) return { outcome: withoutDocument(node), node, rests: false };
  if (await rests(run)) return { outcome: withoutDocument(node), node, rests: true };
  if (known === undefined) reportDocument(context, run);
  const facts = known ?? (await discoverFacts(context, run));
  const told = await apply(context, run, facts, known !== undefined);
  if (known === undefined) await reportToProvider(context, sources);
  return { outcome: await outcomeOf(context, run, facts, told), run, facts, node, rests: false };
}

export async function join(context: JoinContext): Promise<Outcome> {
  return (await joinNode(context)).outcome;
}
