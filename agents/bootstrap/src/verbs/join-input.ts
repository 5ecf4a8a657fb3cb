import path from 'node:path';

import { readClusterConfig, type ClusterConfig } from '../core/cluster/cluster-config.ts';
import { BootstrapError } from '../core/faults/errors.ts';
import type { OutputFile } from '../core/files/output-file.ts';
import { isConfigured, isForeignIdentity, planFiles, type PlanInput } from '../core/files/plan.ts';
import { formatBootstrapKubeconfig, formatUserKubeconfig } from '../core/files/render.ts';
import { isAddressHeld } from '../core/files/restart.ts';
import { hashInput } from '../core/files/state.ts';
import { checkLabels } from '../core/node/labels.ts';
import { chooseNodeName, type ChosenName } from '../core/node/node-name.ts';
import type { Settings } from '../core/settings/settings.ts';
import { type ApiServer, openApiServer } from '../edge/cluster/api-server.ts';
import { verifyCluster } from '../edge/cluster/verify-cluster.ts';
import { inspectPair } from '../edge/node/certificates.ts';
import { bootSeconds, hardwareId, readBootId, waitForClock } from '../edge/node/host.ts';
import { heldAuth, type NodeFacts } from '../edge/node/node.ts';
import { isSettling, readUplink, type Uplink, waitForUplink } from '../edge/node/uplink.ts';
import type { Sources } from '../edge/sources/sources.ts';
import type { JoinContext } from './context.ts';

/** One look at what is asked for and at what is there. */
export interface Run extends PlanInput {
  readonly sources: Sources;
  readonly node: NodeFacts;
  readonly bootId: string;
}

/** The kubeconfig on the disk is the one the document leads to. */
function isEntered({ endpoint, auth }: ClusterConfig, node: NodeFacts): boolean {
  const own = formatUserKubeconfig(endpoint, auth);
  if (own !== undefined) return node.kubeletConf === own;
  if (node.identity !== undefined || auth.kind === 'held') return true;
  return node.bootstrapKubeconfig === formatBootstrapKubeconfig(endpoint, auth);
}

export async function prepare(
  { settings }: JoinContext,
  sources: Sources,
  document: NonNullable<Sources['document']>,
  node: NodeFacts,
): Promise<Run> {
  const cluster = readClusterConfig(document, inspectPair, heldAuth(node));
  const instanceId = sources.facts.instanceId ?? '';
  return {
    sources,
    node,
    document,
    cluster,
    instanceId,
    inputHash: await hashInput(document, instanceId),
    state: node.state,
    isEntered: cluster === undefined || isEntered(cluster, node),
    reEvaluate: settings.reEvaluate,
    bootId: await readBootId(settings),
  };
}

/** Everything the files depend on. */
export interface JoinFacts {
  readonly ca: readonly string[];
  readonly nodeName: string;
  readonly addresses: readonly string[];
  readonly isSettling: boolean;
  readonly dropIdentity: boolean;
}

type Addresses = Pick<JoinFacts, 'addresses' | 'isSettling'>;

/** What the machine is reached by; none while kubelet is to keep what it has. */
async function addressesNow(settings: Settings, { state, bootId }: Run): Promise<Addresses> {
  if (isAddressHeld(state, { bootId, up: await bootSeconds() }))
    return { addresses: [], isSettling: true };
  const uplink = await readUplink(settings);
  return { addresses: uplink?.addresses ?? [], isSettling: await isSettling() };
}

/** JoinFacts of a node that was configured before: nothing is asked, nothing is waited for. */
export async function recall({ settings }: JoinContext, run: Run): Promise<JoinFacts | undefined> {
  const { node, cluster } = run;
  const ca =
    cluster !== undefined && cluster.trust.bundle.length > 0 ? cluster.trust.bundle : node.ca;
  const nodeName = node.identity ?? node.hostname;
  if (!isConfigured(run) || nodeName === undefined) return undefined;
  if (cluster !== undefined && ca.length === 0) return undefined;
  return { ca, nodeName, ...(await addressesNow(settings, run)), dropIdentity: false };
}

export function apiOf({ settings, signal, openApi }: JoinContext, endpoint: string): ApiServer {
  const resolvConf = path.join(settings.run, 'net/resolv.conf');
  return openApi?.(endpoint) ?? openApiServer(endpoint, resolvConf, signal);
}

/** kubelet would go on with the certificate it renewed, whatever its kubeconfig brings. */
function isReplaced({ cluster, node, isEntered }: Run): boolean {
  const auth = cluster?.auth;
  return (
    auth?.kind === 'user' &&
    auth.rotates &&
    !auth.isBootstrap &&
    !isEntered &&
    node.kubeletConf !== undefined
  );
}

const isForeign = (run: Run, ca: readonly string[]): boolean =>
  run.node.kubeletConf !== undefined &&
  (isForeignIdentity(run, run.node.ca, ca) || isReplaced(run));

/** The cluster as a node sees it that is in already: its token may long be dead, and is not shown to anybody. */
function asMember(cluster: ClusterConfig, node: NodeFacts): ClusterConfig {
  const { trust } = cluster;
  const bundle = trust.bundle.length > 0 ? trust.bundle : node.ca;
  return { ...cluster, auth: { kind: 'held' }, trust: { ...trust, bundle } };
}

const isUntrusted = (error: unknown): boolean =>
  error instanceof BootstrapError && error.code === 'KIOS_BOOTSTRAP_UNTRUSTED';

/** The CA of the cluster, after which the node may enter it: a member keeps its identity where that is right. */
async function findCa(context: JoinContext, run: Run, cluster: ClusterConfig): Promise<Ca> {
  const { node } = run;
  const api = apiOf(context, cluster.endpoint);
  const member = asMember(cluster, node);
  const isMember = node.identity !== undefined && member.trust.bundle.length > 0;
  if (isMember && !isForeign(run, member.trust.bundle)) {
    try {
      return { ca: await verifyCluster(member, api, context.log), dropIdentity: false };
    } catch (error) {
      // Its CA may have been replaced since: then the token has to vouch for the new one.
      if (!isUntrusted(error) || cluster.trust.bundle.length > 0) throw error;
    }
  }
  const ca = await verifyCluster(cluster, api, context.log);
  return { ca, dropIdentity: isForeign(run, ca) };
}

interface Ca {
  readonly ca: readonly string[];
  readonly dropIdentity: boolean;
}

/** The node's name, by whoever has the most to say of it. */
export async function nameNode(
  settings: Settings,
  known: Pick<Run, 'document' | 'cluster' | 'sources'> & {
    readonly node: Pick<NodeFacts, 'identity'>;
  },
  uplink: Uplink | undefined,
): Promise<ChosenName> {
  const { document, cluster, node, sources } = known;
  return chooseNodeName({
    joined: node.identity,
    certificate: cluster?.auth.kind === 'user' ? cluster.auth.nodeName : undefined,
    document: document.node?.name,
    provider: sources.facts.hostname,
    dhcp: uplink?.lease?.hostname,
    hardware: await hardwareId(settings, uplink?.mac),
  });
}

/** JoinFacts of a new node, or of a changed document: from the lease, and the cluster itself. */
export async function discoverFacts(context: JoinContext, run: Run): Promise<JoinFacts> {
  const { settings, log, signal } = context;
  const { cluster, node } = run;
  const uplink = await waitForUplink(settings, log, signal);
  context.timeline?.set('lease', uplink.up);
  let found: Ca = { ca: [], dropIdentity: isForeign(run, []) };
  if (cluster !== undefined) {
    await waitForClock(settings, log, signal);
    found = await findCa(context, run, cluster);
    context.timeline?.set('verified', await bootSeconds());
  }
  const held = found.dropIdentity ? { ...run, node: { ...node, identity: undefined } } : run;
  const { name, by } = await nameNode(settings, held, uplink);
  log.info({ ev: 'node.name', name, by });
  const { addresses } = uplink;
  return { ...found, nodeName: name, addresses, isSettling: await isSettling() };
}

export function filesFor(run: Run, facts: JoinFacts): readonly OutputFile[] {
  const { node } = run;
  return planFiles({
    document: run.document,
    cluster: run.cluster,
    ca: facts.ca,
    nodeName: facts.nodeName,
    addresses: facts.addresses,
    isSettling: facts.isSettling,
    nodeIpBefore: node.nodeIp,
    hasIdentity: node.identity !== undefined && !facts.dropIdentity,
    hasKubeletConf: node.kubeletConf !== undefined,
    platformId: run.sources.facts.providerID,
    userFilesBefore: run.state?.userFiles ?? [],
  });
}

/** Tells once which texts made up the document, and what of them is left out. */
export function reportDocument({ log, reported }: JoinContext, run: Run): void {
  const { sources, document, inputHash } = run;
  if (reported?.has(inputHash) === true) return;
  reported?.add(inputHash);
  log.info({ ev: 'provider.detected', provider: sources.platform, by: sources.platformBy });
  const from = sources.parts.map(({ source }) => source);
  log.info({ ev: 'document', from, kinds: sources.parts.map(({ kind }) => kind), console: true });
  for (const { source, warnings } of sources.parts)
    for (const { path: field, why } of warnings)
      log.warn({ ev: 'bad.field', source, path: field, why });
  for (const { key, why } of checkLabels(document.node?.labels ?? {}).dropped)
    log.warn({ ev: 'bad.field', path: `node.labels.${key}`, why });
}
