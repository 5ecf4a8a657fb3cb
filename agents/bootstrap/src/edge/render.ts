import { type Origin, originsOf } from '../core/merge.ts';
import { type ChosenName } from '../core/node-name.ts';
import { planFiles } from '../core/plan.ts';
import type { Warning } from '../core/reading.ts';
import { type OutputFile } from '../core/render.ts';
import { readCluster, type WantedCluster } from '../core/wanted.ts';
import { inspectPair } from './certificates.ts';
import type { JoinContext } from './context.ts';
import { readKept } from './fetched.ts';
import { heldAuth, readNode } from './node.ts';
import { readPlatform } from './platform.ts';
import { nameNode } from './run.ts';
import { readSources } from './sources.ts';
import { isSettling, readUplink } from './uplink.ts';

const UNKNOWN_CA = '# the CA of the cluster, once verified against caCertHashes\n';

/** What `join` would write. */
export interface Rendering {
  readonly provider: string;
  readonly providerBy: string;
  readonly from: readonly string[];
  readonly nodeName: ChosenName | undefined;
  /** Where each value of the document came from. */
  readonly values: readonly Origin[];
  readonly warnings: readonly Warning[];
  readonly files: readonly OutputFile[];
}

function withoutSecret(cluster: WantedCluster | undefined): WantedCluster | undefined {
  if (cluster === undefined) return undefined;
  const { auth } = cluster;
  if (auth.kind === 'token')
    return { ...cluster, auth: { ...auth, token: { ...auth.token, secret: '…' } } };
  if (auth.kind !== 'user') return cluster;
  const hidden = Object.keys(auth.user).filter((key) => key !== 'exec');
  const user = { ...auth.user, ...Object.fromEntries(hidden.map((key) => [key, '…'])) };
  return { ...cluster, auth: { ...auth, user } };
}

const knownCa = (cluster: WantedCluster | undefined): readonly string[] => {
  const bundle = cluster?.trust.bundle ?? [];
  return bundle.length > 0 ? bundle : [UNKNOWN_CA];
};

/** Asks no network and changes nothing; secrets are left out. */
export async function renderPlan(context: JoinContext): Promise<Rendering> {
  const { settings, log } = context;
  const platform = await readPlatform(settings);
  const kept = async (): ReturnType<typeof readKept> => readKept(settings, platform);
  const sources = await readSources(settings, platform, kept, log);
  const { document, parts } = sources;
  const common = {
    provider: platform.provider,
    providerBy: platform.by,
    from: parts.map(({ source }) => source),
    values: originsOf(parts),
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
  if (document === undefined) return { ...common, nodeName: undefined, files: [] };
  const node = await readNode(settings);
  const cluster = withoutSecret(readCluster(document, inspectPair, heldAuth(node)));
  const uplink = await readUplink(settings);
  const known = { document, cluster, node, sources };
  const nodeName = await nameNode(settings, known, uplink);
  const files = planFiles({
    document,
    cluster,
    ca: knownCa(cluster),
    nodeName: nodeName.name,
    addresses: uplink?.addresses ?? [],
    isSettling: await isSettling(),
    nodeIpBefore: node.nodeIp,
    hasIdentity: node.identity !== undefined,
    hasKubeletConf: node.kubeletConf !== undefined,
    platformId: sources.facts.providerID,
    userFilesBefore: node.state?.userFiles ?? [],
  });
  return { ...common, nodeName, files };
}
