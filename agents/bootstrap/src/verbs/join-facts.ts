import type { ClusterConfig } from '../core/cluster/cluster-config.ts';
import { BootstrapError } from '../core/faults/errors.ts';
import type { OutputFile } from '../core/files/output-file.ts';
import { isForeignIdentity, planFiles } from '../core/files/plan.ts';
import { isAddressHeld } from '../core/files/restart.ts';
import { checkLabels } from '../core/node/labels.ts';
import { chooseNodeName, type ChosenName } from '../core/node/node-name.ts';
import type { Settings } from '../core/settings/settings.ts';
import { verifyCluster } from '../edge/cluster/verify-cluster.ts';
import { bootSeconds, hardwareId, waitForClock } from '../edge/node/host.ts';
import type { NodeFacts } from '../edge/node/node.ts';
import { isSettling, readUplink, type Uplink, waitForUplink } from '../edge/node/uplink.ts';
import { apiOf, isFirst, type JoinContext } from './context.ts';
import type { JoinInput } from './join-input.ts';

/** The addresses of the machine, and whether more of them may still appear. */
interface Addresses {
  readonly addresses: readonly string[];
  readonly isSettling: boolean;
}

/** The cluster's CA, and whether the node's certificate is obsolete and must go. */
interface VerifiedCa {
  readonly ca: readonly string[];
  readonly dropIdentity: boolean;
}

/** Everything the files depend on besides the input. */
export interface JoinFacts extends Addresses, VerifiedCa {
  readonly nodeName: string;
  /** CA and name are those of an earlier run: neither the network nor the cluster was asked. */
  readonly isRecalled: boolean;
}

/** Reads the machine's addresses; none while kubelet must keep the one it has. */
async function readAddresses(settings: Settings, { state, bootId }: JoinInput): Promise<Addresses> {
  if (isAddressHeld(state, { bootId, up: await bootSeconds() }))
    return { addresses: [], isSettling: true };
  const uplink = await readUplink(settings);
  return { addresses: uplink?.addresses ?? [], isSettling: await isSettling() };
}

/** Returns the facts of a node that was configured for this input, without asking or waiting; otherwise undefined. */
export async function recallFacts(
  settings: Settings,
  input: JoinInput,
): Promise<JoinFacts | undefined> {
  if (input.kept === undefined) return undefined;
  const now = await readAddresses(settings, input);
  return { ...input.kept, ...now, dropIdentity: false, isRecalled: true };
}

/** Returns whether the document brings another certificate; kubelet would keep using the one it renewed. */
function isReplaced({ cluster, node, hasCredentials }: JoinInput): boolean {
  const auth = cluster?.auth;
  return (
    auth?.kind === 'user' &&
    auth.rotates &&
    !auth.isBootstrap &&
    !hasCredentials &&
    node.kubeletConf !== undefined
  );
}

const isForeign = (input: JoinInput, ca: readonly string[]): boolean =>
  input.node.kubeletConf !== undefined &&
  (isForeignIdentity(input, input.node.ca, ca) || isReplaced(input));

/**
 * Returns the cluster without the token, for a node that has its certificate: a token that may have expired is not
 * sent.
 */
function asMember(cluster: ClusterConfig, node: NodeFacts): ClusterConfig {
  const { trust } = cluster;
  const bundle = trust.bundle.length > 0 ? trust.bundle : node.ca;
  return { ...cluster, auth: { kind: 'held' }, trust: { ...trust, bundle } };
}

const isUntrusted = (error: unknown): boolean =>
  error instanceof BootstrapError && error.code === 'KIOS_BOOTSTRAP_UNTRUSTED';

/** Verifies the cluster and returns its CA. A member first tries the CA it has, and then keeps its certificate. */
async function verifyCa(
  context: JoinContext,
  input: JoinInput,
  cluster: ClusterConfig,
): Promise<VerifiedCa> {
  const { node } = input;
  const api = apiOf(context, cluster.endpoint);
  const member = asMember(cluster, node);
  const isMember = node.identity !== undefined && member.trust.bundle.length > 0;
  if (isMember && !isForeign(input, member.trust.bundle)) {
    try {
      return { ca: await verifyCluster(member, api, context.log), dropIdentity: false };
    } catch (error) {
      // The cluster's CA may have been replaced since: then the token has to vouch for the new one.
      if (!isUntrusted(error) || cluster.trust.bundle.length > 0) throw error;
    }
  }
  const ca = await verifyCluster(cluster, api, context.log);
  return { ca, dropIdentity: isForeign(input, ca) };
}

/** The parts of JoinInput that decide on the node's name. */
type Named = Pick<JoinInput, 'document' | 'cluster' | 'sources'> & {
  readonly node: Pick<NodeFacts, 'identity'>;
};

/** Chooses the node's name; the hardware names a node that nobody named. */
export async function nameNode(
  settings: Settings,
  { document, cluster, node, sources }: Named,
  uplink: Uplink | undefined,
): Promise<ChosenName> {
  return chooseNodeName({
    joined: node.identity,
    certificate: cluster?.auth.kind === 'user' ? cluster.auth.nodeName : undefined,
    document: document.node?.name,
    provider: sources.facts.hostname,
    dhcp: uplink?.lease?.hostname,
    hardware: await hardwareId(settings, uplink?.mac),
  });
}

/** Logs once which texts make up the document, and which parts of them are left out. */
function reportDocument(context: JoinContext, input: JoinInput): void {
  const { log } = context;
  const { sources, document, inputHash } = input;
  if (!isFirst(context, inputHash)) return;
  log.info({ ev: 'provider.detected', provider: sources.platform, by: sources.platformBy });
  const from = sources.parts.map(({ source }) => source);
  log.info({ ev: 'document', from, kinds: sources.parts.map(({ kind }) => kind), console: true });
  for (const { source, warnings } of sources.parts)
    for (const { path: field, why } of warnings)
      log.warn({ ev: 'bad.field', source, path: field, why });
  for (const { key, why } of checkLabels(document.node?.labels ?? {}).dropped)
    log.warn({ ev: 'bad.field', path: `node.labels.${key}`, why });
}

/** Finds the facts of a new node or a changed document: waits for the network and verifies the cluster. */
export async function discoverFacts(context: JoinContext, input: JoinInput): Promise<JoinFacts> {
  const { settings, log, signal, timeline } = context;
  const { cluster, node } = input;
  reportDocument(context, input);
  const uplink = await waitForUplink(settings, log, signal);
  timeline?.set('lease', uplink.up);
  let verified: VerifiedCa = { ca: [], dropIdentity: isForeign(input, []) };
  if (cluster !== undefined) {
    await waitForClock(settings, log, signal);
    verified = await verifyCa(context, input, cluster);
    timeline?.set('verified', await bootSeconds());
  }
  const identity = verified.dropIdentity ? undefined : node.identity;
  const { name, by } = await nameNode(settings, { ...input, node: { identity } }, uplink);
  log.info({ ev: 'node.name', name, by });
  const { addresses } = uplink;
  return {
    ...verified,
    nodeName: name,
    addresses,
    isSettling: await isSettling(),
    isRecalled: false,
  };
}

/** Returns the files of a node, for `join` and for `render`. */
export function filesOf(
  {
    document,
    cluster,
    node,
    sources,
  }: Pick<JoinInput, 'document' | 'cluster' | 'node' | 'sources'>,
  facts: Omit<JoinFacts, 'isRecalled'>,
): readonly OutputFile[] {
  return planFiles({
    document,
    cluster,
    ca: facts.ca,
    nodeName: facts.nodeName,
    addresses: facts.addresses,
    isSettling: facts.isSettling,
    nodeIpBefore: node.nodeIp,
    hasIdentity: node.identity !== undefined && !facts.dropIdentity,
    hasKubeletConf: node.kubeletConf !== undefined,
    platformId: sources.facts.providerID,
    userFilesBefore: node.state?.userFiles ?? [],
  });
}
