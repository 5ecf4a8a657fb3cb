import { type ClusterConfig, readClusterConfig } from '../core/cluster/cluster-config.ts';
import { inSources } from '../core/document/in-sources.ts';
import type { NodeBootstrap } from '../core/document/schema.ts';
import { isConfigured, type PlanInput } from '../core/files/plan.ts';
import { formatBootstrapKubeconfig, formatUserKubeconfig } from '../core/files/render.ts';
import { hashInput } from '../core/files/state.ts';
import { isNewChoice, type Origin } from '../core/providers/seed-trust.ts';
import type { Settings } from '../core/settings/settings.ts';
import { inspectPair } from '../edge/node/certificates.ts';
import { bootSeconds, readBootId } from '../edge/node/host.ts';
import { heldAuth, type NodeFacts } from '../edge/node/node.ts';
import { waitForUplink } from '../edge/node/uplink.ts';
import { checkAddresses, fetchAll } from '../edge/sources/fetch-documents.ts';
import { readCache, writeCache } from '../edge/sources/metadata-cache.ts';
import { type Platform, readPlatform } from '../edge/sources/platform.ts';
import { writeSeedCache } from '../edge/sources/seed-cache.ts';
import { type Fetch, readSources, type Sources } from '../edge/sources/sources.ts';
import type { Past } from '../edge/sources/volumes.ts';
import { isFirst, type JoinContext, waitForTime } from './context.ts';
import { isNameLost, presentHostname } from './name-node.ts';

const SEED_REMEDY =
  'To use it, name its kind once (kios.provider=, ds=, --provider), or put the document into kios/ of the boot medium.';

/** The facts that an earlier run left on the disk. */
interface KeptFacts {
  readonly ca: readonly string[];
  /** The name to write to /etc/hostname; undefined leaves it to init. */
  readonly hostname: string | undefined;
  /** The API server of kubelet, where it is not the document's. */
  readonly server: string | undefined;
}

/** Everything that a run knows before it changes anything: the document and the present state of the node. */
export interface JoinInput extends PlanInput {
  readonly platform: Platform;
  readonly sources: Sources;
  readonly node: NodeFacts;
  readonly bootId: string;
  /** The source that the node trusts from now on; undefined until it has joined. */
  readonly origin: Origin | undefined;
  /** Undefined when the node was not configured for exactly this input: its facts must be discovered. */
  readonly kept: KeptFacts | undefined;
}

/** The sources of one run; `input` is undefined when they hold no document. */
export interface SourcesRead {
  readonly sources: Sources;
  readonly input: JoinInput | undefined;
}

/** Returns whether the kubeconfig on disk is the document's, or the node has its certificate. */
function hasCredentials({ endpoint, auth }: ClusterConfig, node: NodeFacts): boolean {
  const own = formatUserKubeconfig(endpoint, auth);
  if (own !== undefined) return node.kubeletConf === own;
  if (node.identity !== undefined || auth.kind === 'held') return true;
  if (auth.kind === 'token' && auth.attests === true && node.attested === undefined) return false;
  return node.bootstrapKubeconfig === formatBootstrapKubeconfig(endpoint, auth);
}

function keptFacts(input: PlanInput, node: NodeFacts): KeptFacts | undefined {
  const { cluster } = input;
  const bundle = cluster?.trust.bundle ?? [];
  const ca = bundle.length > 0 ? bundle : node.ca;
  if (!isConfigured(input) || isNameLost(node)) return undefined;
  return cluster !== undefined && ca.length === 0
    ? undefined
    : { ca, hostname: presentHostname(node), server: input.state?.server };
}

/** Returns the cluster with the API server that kubelet is to use; undefined is the document's. */
export const withServer = (
  cluster: ClusterConfig | undefined,
  server: string | undefined,
): ClusterConfig | undefined =>
  cluster === undefined || server === undefined ? cluster : { ...cluster, endpoint: server };

/** Returns the source to trust: that of the join, until the operator or another machine chooses anew. */
function originOf(
  { reEvaluate }: Settings,
  { machine, provider, isExplicit }: Platform,
  { state, kubeletConf }: NodeFacts,
  { seed }: Sources,
): Origin | undefined {
  const known = state?.origin;
  const named = isExplicit ? provider : undefined;
  if (known !== undefined && !isNewChoice(known, { machine, named, reEvaluate })) return known;
  if (kubeletConf === undefined) return undefined;
  return { machine, provider, isNamed: isExplicit, volume: seed?.volume };
}

async function toInput(
  settings: Settings,
  platform: Platform,
  node: NodeFacts,
  sources: Sources,
  document: NodeBootstrap,
): Promise<JoinInput> {
  const given = await inSources(sources.parts, () =>
    readClusterConfig(document, inspectPair, heldAuth(node)),
  );
  const instanceId = sources.facts.instanceId ?? '';
  const inputHash = await hashInput(document, instanceId);
  const { state } = node;
  const cluster = state?.inputHash === inputHash ? withServer(given, state.server) : given;
  const asked: PlanInput = {
    document,
    cluster,
    instanceId,
    isIdUnread: sources.facts.isIdUnread === true,
    isElsewhere: state?.origin !== undefined && state.origin.machine !== platform.machine,
    inputHash,
    state,
    hasCredentials: cluster === undefined || hasCredentials(cluster, node),
    reEvaluate: settings.reEvaluate,
  };
  const bootId = await readBootId(settings);
  const origin = originOf(settings, platform, node, sources);
  const kept = keptFacts(asked, node);
  // What is to be discovered is discovered where the document says.
  const known = { ...asked, cluster: kept === undefined ? given : cluster };
  return { ...known, platform, sources, node, bootId, origin, kept };
}

/** Returns whether a document comes over TLS, which judges certificates. Metadata services speak plain HTTP. */
const isOverTls = ({ configUrl, seed }: Platform): boolean =>
  [configUrl, seed?.url].some((url) => url?.startsWith('https:') === true);

/** Returns a Fetch that asks the network and caches the answer for the next boot. */
const fetchFromNetwork =
  (context: JoinContext, platform: Platform): Fetch =>
  async (needs) => {
    const { settings, log, signal, timeline } = context;
    checkAddresses(platform, needs);
    const uplink = await waitForUplink(settings, log, signal);
    if (isOverTls(platform)) await waitForTime(context);
    // User data may be late once, just after the machine was made.
    const isPatient = isFirst(context, 'metadata');
    const remote = await fetchAll({ platform, needs, uplink, isPatient }, log, signal);
    await writeCache(settings, platform, remote);
    timeline?.set('metadata', await bootSeconds());
    return remote;
  };

/** Returns the part of the node's past that decides which volumes count. */
export const pastOf = (node: NodeFacts): Past => ({
  origin: node.state?.origin,
  instanceId: node.state?.instanceId,
  isMember: node.kubeletConf !== undefined && heldAuth(node) !== undefined,
});

/** Reports the volumes that do not count, once. */
function reportIgnored(context: JoinContext, { ignored }: Platform): void {
  for (const { label, device, why } of ignored)
    // Azure gives its machines that disc at every boot.
    if (label !== 'azure' && isFirst(context, `seed ${label}`))
      context.log.warn({
        ev: 'seed.ignored',
        code: 'KIOS_BOOTSTRAP_SEED',
        label,
        device,
        why,
        remedy: SEED_REMEDY,
      });
}

/** Says once why a machine of VMware finds nothing in what it was probably given (decision 89). */
function reportUnread(context: JoinContext, { dmi, provider }: Platform): void {
  if (!dmi.sysVendor.startsWith('VMware') || provider !== 'none') return;
  if (!isFirst(context, 'guestinfo')) return;
  context.log.warn({
    ev: 'userdata.unread',
    code: 'KIOS_BOOTSTRAP_ABSENT',
    why: 'this machine has no document, and guestinfo of VMware is not read',
    remedy: 'Attach a CD or disk labelled CIDATA that has the user data.',
  });
}

/**
 * Reads the documents, and from them the input. The cache of an earlier boot suffices while the node needs nothing new.
 */
export async function readInput(context: JoinContext, node: NodeFacts): Promise<SourcesRead> {
  const { settings, log } = context;
  const start = performance.now();
  const platform = await readPlatform(settings, pastOf(node));
  reportIgnored(context, platform);
  log.debug({ ev: 'platform', provider: platform.provider, ms: performance.now() - start });
  const readWith = async (fetch: Fetch): Promise<SourcesRead> => {
    const sources = await readSources(settings, platform, fetch, log);
    const { document } = sources;
    if (document === undefined) reportUnread(context, platform);
    const input = document && (await toInput(settings, platform, node, sources, document));
    return { sources, input };
  };
  const cache = settings.reEvaluate ? undefined : await readCache(settings, platform);
  if (cache !== undefined && heldAuth(node) !== undefined) {
    const cached = await readWith(async () => Promise.resolve(cache));
    if (cached.input?.kept !== undefined || !cached.sources.needsNetwork) return cached;
  }
  return readWith(fetchFromNetwork(context, platform));
}

/**
 * Keeps a copy of a volume whose cluster is verified. It is written before kubelet can join, because init does not
 * mount the volume of another disk afterwards.
 */
export async function keepSeed(
  settings: Settings,
  { cluster, platform, sources }: JoinInput,
): Promise<void> {
  const { seed } = sources;
  if (cluster !== undefined && seed !== undefined && platform.kept === undefined)
    await writeSeedCache(settings, platform.machine, seed);
}
