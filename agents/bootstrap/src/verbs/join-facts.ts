import type { ClusterConfig } from '../core/cluster/cluster-config.ts';
import { serverOf } from '../core/cluster/kubeconfig.ts';
import { BootstrapError, fieldError, hasCode } from '../core/faults/errors.ts';
import { misplacedFiles } from '../core/files/document-settings.ts';
import type { OutputFile } from '../core/files/output-file.ts';
import { isCopy, isForeignIdentity, planFiles } from '../core/files/plan.ts';
import { isAddressHeld } from '../core/files/restart.ts';
import { checkSysctls } from '../core/files/sysctls.ts';
import { checkLabels } from '../core/node/labels.ts';
import type { Settings } from '../core/settings/settings.ts';
import type { OpenApi } from '../edge/cluster/api-server.ts';
import { type Verified, verifyCluster } from '../edge/cluster/verify-cluster.ts';
import type { ClockTrust } from '../edge/node/clock.ts';
import { bootSeconds } from '../edge/node/host.ts';
import type { NodeFacts } from '../edge/node/node.ts';
import { isSettling, readUplink, waitForUplink } from '../edge/node/uplink.ts';
import { attestNode } from './attest.ts';
import { apiOf, isFirst, type JoinContext, waitForTime } from './context.ts';
import type { JoinInput } from './join-input.ts';
import { checkNameSource, hostnameOf, nameNode, reportName } from './name-node.ts';

/** The addresses of the machine, and whether more of them may still appear. */
interface Addresses {
  readonly addresses: readonly string[];
  readonly isSettling: boolean;
}

/** The cluster as verified, and whether the node's certificate is obsolete and must go. */
interface VerifiedCluster extends Verified {
  readonly dropIdentity: boolean;
}

/** Everything the files depend on besides the input. */
export interface JoinFacts extends Addresses, VerifiedCluster {
  /** The name to write to /etc/hostname; undefined leaves it to init. */
  readonly hostname: string | undefined;
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

/** Returns whether an earlier run was cut off while it replaced the identity, after the cluster had proved itself. */
const isUnderWay = ({ state, inputHash }: JoinInput): boolean =>
  state?.dropIdentity === true && state.inputHash === inputHash;

/**
 * Returns the cluster without the token, for a node that has its certificate: a token that may have expired is not
 * sent.
 */
function asMember(cluster: ClusterConfig, node: NodeFacts): ClusterConfig {
  const { trust } = cluster;
  const bundle = trust.bundle.length > 0 ? trust.bundle : node.ca;
  return { ...cluster, auth: { kind: 'held' }, trust: { ...trust, bundle } };
}

/**
 * Returns the server that cluster-info named when the node joined, as long as kubelet uses it: a member's cluster-info
 * is not asked again. With a bundle the document's address counts.
 */
const memberServer = (
  { trust }: ClusterConfig,
  { state, kubeletConf }: NodeFacts,
): string | undefined =>
  trust.bundle.length === 0 && kubeletConf !== undefined && serverOf(kubeletConf) === state?.server
    ? state?.server
    : undefined;

/** Verifies the cluster and returns its CA. A member first tries the CA it has, and then keeps its certificate. */
async function verifyCa(
  context: JoinContext,
  input: JoinInput,
  cluster: ClusterConfig,
  clock: ClockTrust,
): Promise<VerifiedCluster> {
  const { node } = input;
  const open: OpenApi = (endpoint) => apiOf(context, endpoint);
  const member = asMember(cluster, node);
  const isMember = node.identity !== undefined && member.trust.bundle.length > 0;
  if (isMember && !isForeign(input, member.trust.bundle)) {
    const server = memberServer(cluster, node);
    // Without a pin only the document's own server tells that it is about the same cluster.
    const known = cluster.trust.pins.length > 0 ? server : undefined;
    const asked = { ...member, endpoint: known ?? member.endpoint };
    try {
      const { ca } = await verifyCluster(asked, open, context.log, { clock });
      return { ca, server, dropIdentity: false };
    } catch (error) {
      // The cluster's CA may have been replaced since: then the token has to vouch for the new one.
      if (!hasCode(error, 'KIOS_BOOTSTRAP_UNTRUSTED') || cluster.trust.bundle.length > 0)
        throw error;
    }
  }
  const verified = await verifyOther(context, input, cluster, clock);
  return { ...verified, dropIdentity: isForeign(input, verified.ca) };
}

/** Verifies a cluster that the node is not known to be in. A node with an identity needs its answer. */
async function verifyOther(
  context: JoinContext,
  input: JoinInput,
  cluster: ClusterConfig,
  clock: ClockTrust,
): Promise<Verified> {
  const { bundle } = cluster.trust;
  const open: OpenApi = (endpoint) => apiOf(context, endpoint);
  if (bundle.length > 0 && isForeign(input, bundle) && !isUnderWay(input))
    return verifyMove(context, cluster, open);
  // Nothing tells whether it is the same cluster before its CA is known, or after the node's own is lost.
  const isUnsure = bundle.length === 0 || input.node.ca.length === 0;
  const isMove = isUnsure && input.node.kubeletConf !== undefined && !isUnderWay(input);
  return verifyCluster(cluster, open, context.log, { isMove, clock });
}

/** Verifies a cluster for which the node would leave its own. */
async function verifyMove(
  { log }: JoinContext,
  cluster: ClusterConfig,
  open: OpenApi,
): Promise<Verified> {
  if (cluster.auth.kind === 'held')
    throw fieldError(
      'read the bootstrap document: auth: is required, because the credentials of the node are of another cluster',
    );
  try {
    return await verifyCluster(cluster, open, log, { isMove: true });
  } catch (cause) {
    if (!hasCode(cause, 'KIOS_BOOTSTRAP_UNREACHABLE')) throw cause;
    const message = `leave the present cluster for ${cluster.endpoint}`;
    throw new BootstrapError('KIOS_BOOTSTRAP_MOVE', message, { cause });
  }
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
  for (const { path: field, why } of misplacedFiles(document))
    log.warn({ ev: 'bad.field', path: field, why });
  for (const { key, why } of checkLabels(document.node?.labels ?? {}).dropped)
    log.warn({ ev: 'bad.field', path: `node.labels.${key}`, why });
  for (const { name, why } of checkSysctls(document.sysctls).dropped)
    log.error({
      ev: 'setting.fault',
      code: 'KIOS_BOOTSTRAP_SYSCTL',
      path: `sysctls.${name}`,
      why,
      remedy: 'Correct it in the document; docs/settings.md says what counts.',
    });
}

/** Gets the certificate that a document with `auth.attest` wants before kubelet asks for its own. */
async function proveStart(
  context: JoinContext,
  { cluster, node }: JoinInput,
  { ca, server, dropIdentity }: VerifiedCluster,
  name: string | undefined,
): Promise<void> {
  if (cluster?.auth.kind !== 'token' || cluster.auth.attests !== true) return;
  if (node.identity !== undefined && !dropIdentity) return;
  await attestNode(context, {
    endpoint: server ?? cluster.endpoint,
    ca,
    token: cluster.auth.token,
    name,
  });
}

/** Finds the facts of a new node or a changed document: waits for the network and verifies the cluster. */
export async function discoverFacts(context: JoinContext, input: JoinInput): Promise<JoinFacts> {
  const { settings, log, signal, timeline } = context;
  const { cluster, node } = input;
  reportDocument(context, input);
  const uplink = await waitForUplink(settings, log, signal);
  timeline?.set('lease', uplink.up);
  // Without a cluster to go to, a node that has joined stays what it is.
  let verified: VerifiedCluster = { ca: [], server: undefined, dropIdentity: false };
  if (cluster !== undefined) {
    const clock = await waitForTime(context);
    verified = await verifyCa(context, input, cluster, clock);
    timeline?.set('verified', await bootSeconds());
  }
  const isNew = verified.dropIdentity || node.kubeletConf === undefined;
  const isCopied = isCopy(input) || isUnderWay(input);
  if (isNew) checkNameSource(input.document, input.sources.facts);
  const chosen = nameNode({ ...input, isNew, isCopy: isCopied }, uplink);
  reportName(log, chosen);
  await proveStart(context, input, verified, chosen.name);
  const { addresses } = uplink;
  return {
    ...verified,
    hostname: hostnameOf(chosen, node),
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
    hostname: facts.hostname,
    addresses: facts.addresses,
    isSettling: facts.isSettling,
    nodeIpBefore: node.nodeIp,
    hasIdentity: node.identity !== undefined && !facts.dropIdentity,
    hasKubeletConf: node.kubeletConf !== undefined,
    joinedServer: node.kubeletConf === undefined ? undefined : serverOf(node.kubeletConf),
    platformId: sources.facts.providerID,
    userFilesBefore: node.state?.userFiles ?? [],
  });
}
