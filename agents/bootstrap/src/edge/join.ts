import path from 'node:path';

import { type Logger, writeAtomic } from '@kios/agent';
import { formatState, PlatformState } from '@kios/node-state';

import { formatBootstrapKubeconfig } from '../core/kubeconfig.ts';
import { KUBELET_ETC } from '../core/kubelet-config.ts';
import { checkLabels } from '../core/labels.ts';
import { chooseNodeName } from '../core/node-name.ts';
import { isConfigured, isForeignIdentity, planFiles, type PlanInput } from '../core/plan.ts';
import { BOOTSTRAP_KUBECONFIG, type OutputFile } from '../core/render.ts';
import { decideRestart } from '../core/restart.ts';
import { hashInput, hashOutput, type JoinState } from '../core/state.ts';
import { readCluster, type WantedCluster } from '../core/wanted.ts';
import { type ApiServer, openApiServer } from './api-server.ts';
import {
  bootSeconds,
  hardwareId,
  readBootId,
  readKubelet,
  readPrimaryLease,
  waitForClock,
  waitForLease,
} from './host.ts';
import { type NodeFacts, readNode, setIdentityAside, writeJoinState } from './node.ts';
import { restartKubelet } from './restart-kubelet.ts';
import type { Settings } from './settings.ts';
import { readSources, type Sources } from './sources.ts';
import { changedFiles, type OnPlaced, placeFiles, removeStaged } from './transaction.ts';
import { verifyCluster } from './verify-cluster.ts';

export interface JoinContext {
  readonly settings: Settings;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Documents that were reported already: one that is tried again is no news. */
  readonly reported?: Set<string>;
  /** For tests: cuts the run off between two files. */
  readonly onPlaced?: OnPlaced;
  readonly openApi?: (endpoint: string) => ApiServer;
}

/** `standalone`: nobody asked for a cluster; `pending`: kubelet is about to get its certificate; `joined`: it has one. */
export type Outcome = 'standalone' | 'pending' | 'joined';

type Document = NonNullable<Sources['document']>;

interface Run extends PlanInput {
  readonly sources: Sources;
  readonly node: NodeFacts;
  readonly bootId: string;
}

async function prepare(context: JoinContext, document: Document, sources: Sources): Promise<Run> {
  const { settings } = context;
  const cluster = readCluster(document);
  const node = await readNode(settings);
  const instanceId = sources.metaData.instanceId ?? '';
  return {
    sources,
    node,
    document,
    cluster,
    instanceId,
    inputHash: await hashInput(document, instanceId),
    state: node.state,
    identity: node.identity,
    isPending: cluster !== undefined && node.bootstrapKubeconfig === bootstrapKubeconfig(cluster),
    reEvaluate: settings.reEvaluate,
    bootId: await readBootId(settings),
  };
}

const bootstrapKubeconfig = (cluster: WantedCluster): string =>
  formatBootstrapKubeconfig(cluster.endpoint, `${KUBELET_ETC}/pki/ca.crt`, cluster.token);

/** Everything the files depend on. */
interface Facts {
  readonly ca: readonly string[];
  readonly nodeName: string;
  readonly leaseAddress: string | undefined;
  readonly dropIdentity: boolean;
}

/** Facts of a node that was configured before: nothing is asked, nothing is waited for. */
async function recall({ settings }: JoinContext, run: Run): Promise<Facts | undefined> {
  const { node, cluster } = run;
  const ca =
    cluster !== undefined && cluster.trust.bundle.length > 0 ? cluster.trust.bundle : node.ca;
  const nodeName = node.identity ?? node.hostname;
  if (!isConfigured(run) || nodeName === undefined) return undefined;
  if (cluster !== undefined && ca.length === 0) return undefined;
  const leaseAddress = (await readPrimaryLease(settings))?.address;
  return { ca, nodeName, leaseAddress, dropIdentity: false };
}

/** Facts of a new node, or of a changed document: from the lease, and the cluster itself. */
async function findOut(context: JoinContext, run: Run): Promise<Facts> {
  const { settings, log, signal } = context;
  const { cluster, node, sources } = run;
  const lease = await waitForLease(settings, log, signal);
  let ca: readonly string[] = [];
  if (cluster !== undefined) {
    await waitForClock(settings, log, signal);
    const resolvConf = path.join(settings.run, 'net/resolv.conf');
    const api =
      context.openApi?.(cluster.endpoint) ?? openApiServer(cluster.endpoint, resolvConf, signal);
    ca = await verifyCluster(cluster, api, log);
  }
  const dropIdentity = node.hasKubeletConf && isForeignIdentity(run, node.ca, ca);
  const { name, by } = chooseNodeName({
    joined: dropIdentity ? undefined : node.identity,
    document: run.document.node?.name,
    provider: sources.metaData.hostname,
    dhcp: lease.hostname,
    hardware: await hardwareId(settings, lease.mac),
  });
  log.info({ ev: 'node.name', name, by });
  return { ca, nodeName: name, leaseAddress: lease.address, dropIdentity };
}

interface Commit {
  readonly files: readonly OutputFile[];
  readonly changed: readonly OutputFile[];
  readonly restart: boolean;
  readonly dropIdentity: boolean;
}

async function newState(
  run: Run,
  files: readonly OutputFile[],
  phase: JoinState['phase'],
  dropIdentity: boolean,
): Promise<JoinState> {
  const { state, bootId } = run;
  const judged = files.filter(({ path: file }) => file !== BOOTSTRAP_KUBECONFIG);
  return {
    v: 1,
    instanceId: run.instanceId,
    inputHash: run.inputHash,
    outputHash: await hashOutput(judged),
    phase,
    bootId,
    up: await bootSeconds(),
    when: new Date().toISOString(),
    restarts: state?.bootId === bootId ? state.restarts : [],
    dropIdentity,
  };
}

/** Puts the files in place. The state says `writing` from before the first until after the last, so a cut is noticed. */
async function commit(context: JoinContext, run: Run, wanted: Commit): Promise<JoinState> {
  const { settings, log } = context;
  const { files, changed, dropIdentity } = wanted;
  if (dropIdentity) log.warn({ ev: 'identity.dropped', name: run.identity });
  await writeJoinState(settings, await newState(run, files, 'writing', dropIdentity));
  // The bootstrap kubeconfig is the place in the order at which the old identity goes, even when it is there already.
  const place = dropIdentity
    ? files.filter((file) => changed.includes(file) || file.path === BOOTSTRAP_KUBECONFIG)
    : changed;
  await removeStaged(settings.etc, files);
  await placeFiles(settings.etc, place, async (file) => {
    if (file === BOOTSTRAP_KUBECONFIG && dropIdentity) await setIdentityAside(settings);
    await context.onPlaced?.(file);
  });
  const state = await newState(run, files, wanted.restart ? 'written' : 'restarted', false);
  await writeJoinState(settings, state);
  return state;
}

/** The token's file is of no more use; kubelet need not be told. */
const isTokenRemoval = ({ path: file, content }: OutputFile): boolean =>
  file === BOOTSTRAP_KUBECONFIG && content === undefined;

function filesFor(run: Run, facts: Facts): readonly OutputFile[] {
  return planFiles({
    document: run.document,
    cluster: run.cluster,
    ca: facts.ca,
    nodeName: facts.nodeName,
    leaseAddress: facts.leaseAddress,
    nodeIpBefore: run.node.nodeIp,
    hasIdentity: run.identity !== undefined && !facts.dropIdentity,
    hasKubeletConf: run.node.hasKubeletConf,
  });
}

async function apply(context: JoinContext, run: Run, facts: Facts): Promise<void> {
  const { settings, log, signal } = context;
  const files = filesFor(run, facts);
  const changed = await changedFiles(settings.etc, files);
  const restart = decideRestart({
    changed: facts.dropIdentity || changed.some((file) => !isTokenRemoval(file)),
    state: run.state,
    kubelet: await readKubelet(settings),
    bootId: run.bootId,
  });
  const isSettled = run.state?.phase !== 'writing' && run.state?.inputHash === run.inputHash;
  let { state } = run;
  if (!isSettled || changed.length > 0 || state === undefined)
    state = await commit(context, run, { files, changed, restart: restart.send, ...facts });
  for (const { path: file, content } of changed)
    log.info({ ev: 'file.written', path: path.join('/etc', file), removed: content === undefined });
  if (!restart.send) return log.debug({ ev: 'restart.skipped', why: restart.why });
  await restartKubelet(settings, log, signal, state, restart.why);
}

async function writePlatform(settings: Settings, sources: Sources): Promise<void> {
  const { instanceId, hostname } = sources.metaData;
  const state = formatState(PlatformState, {
    v: 1,
    platform: sources.platform,
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(hostname === undefined ? {} : { hostname }),
  });
  await writeAtomic(path.join(settings.run, 'platform/platform.json'), state);
}

/** A node that was set up once stays what it is when its seed is gone. */
async function withoutDocument(settings: Settings): Promise<Outcome> {
  const { identity } = await readNode(settings);
  return identity === undefined ? 'standalone' : 'joined';
}

function reportDocument(
  { log, reported }: JoinContext,
  { sources, document, inputHash }: Run,
): void {
  if (reported?.has(inputHash) === true) return;
  reported?.add(inputHash);
  log.info({ ev: 'document', from: sources.from, console: true });
  for (const { key, why } of checkLabels(document.node?.labels ?? {}).dropped)
    log.warn({ ev: 'bad.field', path: `node.labels.${key}`, why });
}

/** One run: reads what is asked for, and makes the node so. Throws a BootstrapError when that is not possible now. */
export async function join(context: JoinContext): Promise<Outcome> {
  const { settings, log } = context;
  const sources = await readSources(settings, log);
  await writePlatform(settings, sources);
  const { document } = sources;
  if (document === undefined) return withoutDocument(settings);
  const run = await prepare(context, document, sources);
  let facts = await recall(context, run);
  if (facts === undefined) {
    reportDocument(context, run);
    facts = await findOut(context, run);
  }
  await apply(context, run, facts);
  if (run.cluster === undefined) return 'standalone';
  return run.identity === undefined || facts.dropIdentity ? 'pending' : 'joined';
}
